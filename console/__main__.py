"""`python -m console` is `precache`."""

from console.main import main

main()
