"""`precache doctor`: checks what a configuration needs, each check bounded in time, each error with a remedy."""
