"""JSON that says one thing to every reader, or is refused."""

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from bridge.decode import reasons
from bridge.decode.poison import Poison

_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1
# Values cost far more than the bytes that they are written with, and no other thread runs while they are made.
MAX_VALUES: Final = 150_000
# A number that may not survive: with 16 digits or more, or an exponent of three. All others do, by the definition of a
# double. That it may stand in a string does no harm.
_DOUBTFUL: Final = re.compile(rb"[\[,:\s]-?(?:[\d.]{16}|[\d.]{1,15}[eE][+-]?\d{3})")
_MAX_SURE_CHARS: Final = 16
_SURE: Final = (1e-300, 1e300)


def parse(text: bytes, where: str) -> dict[str, Any]:
    """Return a JSON object; :func:`check` says whether it means what its text says.

    Args:
        text: JSON in UTF-8.
        where: how to call it in the poison's detail.

    Raises:
        Poison: not UTF-8, not JSON, no object, too deep, or of too many values.
    """
    if len(text) > MAX_VALUES:
        _check_values(text, where)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _error(text, where, error) from None
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


def _check_values(text: bytes, where: str) -> None:
    # One of these marks stands before each value but those of an object: then it stands before the key.
    found = sum(map(text.count, (b"[", b"{", b",")))
    if found > MAX_VALUES:
        raise Poison(
            reasons.TOO_LARGE, f"{where} holds some {found} values, more than {MAX_VALUES} are not looked into"
        )


def _error(text: bytes, where: str, error: orjson.JSONDecodeError) -> Poison:
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

    is_doubtful = _DOUBTFUL.search(text) is not None
    try:
        json.loads(
            text,
            object_pairs_hook=pairs,
            parse_int=_check_int if is_doubtful else str,
            parse_float=_check_float if is_doubtful else str,
        )
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
    # With a point or an exponent so few characters have 15 digits at most, which a double holds.
    is_sure = len(digits) <= _MAX_SURE_CHARS and _SURE[0] < abs(value) < _SURE[1]
    if not is_sure and not _survives(digits, value):
        raise Poison(reasons.NUMBER, "a number with more digits, or a larger exponent, than a double holds")
    return 0.0


def _survives(digits: str, value: float) -> bool:
    if value == 0.0:
        return not digits.lower().partition("e")[0].strip("-0.")
    try:
        return math.isfinite(value) and Decimal(repr(value)) == Decimal(digits)
    except InvalidOperation:
        return False
