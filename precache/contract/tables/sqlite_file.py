"""What marks a SQLite file as a precache store, for whoever writes it and whoever reads it."""

from typing import Final

VERSION: Final = 1
# So that a wrong `path:` never writes tables into another program's database, nor reads them.
APPLICATION_ID: Final = int.from_bytes(b"prec", "big")
