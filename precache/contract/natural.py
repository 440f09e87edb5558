"""The order of names of hosts, wherever they are listed."""

import re
from typing import Final

_DIGITS: Final = re.compile(r"([0-9]+)")


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts ``db2`` before ``db10``; equal for equal names only."""
    # Digits by their count, then as text: that is their order as numbers, of any length.
    pieces = [piece.lstrip("0") if place % 2 else piece for place, piece in enumerate(_DIGITS.split(name))]
    return [(len(piece) if place % 2 else 0, piece) for place, piece in enumerate(pieces)], name
