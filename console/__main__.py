"""`python -m console` is `precache`."""

from console.cli.main import main

main()
