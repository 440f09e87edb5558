"""`precache doctor`: checks what a configuration needs, each check bounded in time, each fault with a remedy."""
