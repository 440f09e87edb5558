"""JSON that says one thing to every reader, or is refused."""

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from bridge import reasons
from bridge.poison import Poison

_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1


def parse(text: bytes, where: str) -> dict[str, Any]:
    """Return a JSON object; :func:`check` tells whether it means what its text says.

    Args:
        text: JSON in UTF-8.
        where: how to call it in the poison's detail.

    Raises:
        Poison: not UTF-8, not JSON, no object, or too deep.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _fault(text, where, error) from None
    if type(value) is not dict:
        raise Poison(reasons.NOT_AN_OBJECT, f"{where} is not a JSON object")
    return value


def check(text: bytes, value: dict[str, Any], where: str) -> None:
    """See to it that an object that was parsed from a text says to every reader what the text says.

    Raises:
        Poison: a key twice in one object, a number that a reader would change, or too deep.
    """
    try:
        again = orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise Poison(reasons.TOO_DEEP, f"{where} is nested too deep") from None
    # The proof: if what was parsed is written with the same characters as what was read, blanks aside, then no key was
    # dropped and no number was changed.
    if again.replace(b" ", b"") != text.replace(b" ", b""):
        _check_slowly(text, where)


def _fault(text: bytes, where: str, error: orjson.JSONDecodeError) -> Poison:
    words = str(error)
    try:
        text.decode()
    except UnicodeDecodeError as undecodable:
        return Poison(reasons.NOT_UTF8, f"{where} is not UTF-8 at byte {undecodable.start}")
    if "depth" in words or "recursion" in words.lower():
        return Poison(reasons.TOO_DEEP, f"{where} is nested too deep")
    return Poison(reasons.NOT_JSON, f"{where}: {words}")


def _check_slowly(text: bytes, where: str) -> None:
    """Raise Poison for a repeated key, or a number that does not survive."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            raise Poison(reasons.DUPLICATE_KEY, f"{where}: a key stands twice in one object")
        return made

    try:
        json.loads(text, object_pairs_hook=pairs, parse_int=_check_int, parse_float=_check_float)
    except RecursionError:
        raise Poison(reasons.TOO_DEEP, f"{where} is nested too deep") from None
    except ValueError as error:  # what orjson took and json does not: not known to happen
        raise Poison(reasons.NOT_JSON, f"{where}: {error}") from None


def _check_int(digits: str) -> int:
    # Comparing lengths first: int() of a million digits would take seconds.
    if len(digits) > len(str(_INT64_MIN)) or not _INT64_MIN <= int(digits) <= _UINT64_MAX:
        raise Poison(reasons.NUMBER, "an integer beyond 64 bits")
    return 0


def _check_float(digits: str) -> float:
    value = float(digits)
    try:
        same = math.isfinite(value) and Decimal(repr(value)) == Decimal(digits)
    except InvalidOperation:
        same = False
    if not same:
        raise Poison(reasons.NUMBER, "a number with more digits, or a larger exponent, than a double holds")
    return 0.0
