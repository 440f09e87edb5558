"""Which numbers survive, and what is too much to be looked into."""

import math
from decimal import Decimal

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.decode import reasons
from bridge.decode import strict_json as strictjson
from bridge.decode.poison import Poison

FLOATS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


def survives(digits: str) -> bool:
    """Whether the double that every reader makes of it is written with the same value, by exact arithmetic."""
    value = float(digits)
    return math.isfinite(value) and Decimal(repr(value)) == Decimal(digits)


def is_taken(text: bytes) -> bool:
    try:
        strictjson.check(text, strictjson.parse(text, "text"), "text")
    except Poison:
        return False
    return True


# The text differs from what orjson writes, so that the strict reader decides.
@given(FLOATS.filter(lambda digits: "." in digits or "e" in digits.lower()))
@example("0e000")
@example("-0.0")
@example("1e-400")
@example("4.9e-324")
@example("123456789012345e-99")
@example("9007199254740993e0")
@example("0.1234567890123456")
@example("1e310")
def test_a_number_is_taken_if_it_survives(digits: str) -> None:
    text = f'{{"a": ["\\u0041", {digits}]}}'.encode()
    assert is_taken(text) == survives(digits)


@pytest.mark.parametrize("digits", ["18446744073709551616", "-9223372036854775809", "9" * 5_000])
def test_an_integer_beyond_64_bits_is_no_number_to_every_reader(digits: str) -> None:
    text = f'{{"a": ["\\u0041", {digits}]}}'.encode()
    with pytest.raises(Poison):
        strictjson.check(text, strictjson.parse(text, "text"), "text")


@pytest.mark.parametrize("unit", ["[],", "{},", "1,", '"a",'])
def test_a_text_of_too_many_values_is_not_looked_into(unit: str) -> None:
    text = b'{"a": [' + unit.encode() * (strictjson.MAX_VALUES // len(unit.rstrip(","))) + b"0]}"
    with pytest.raises(Poison) as raised:
        strictjson.parse(text + unit.encode() * 150_000, "text")
    assert raised.value.reason == reasons.TOO_LARGE
    assert "values" in raised.value.detail


def test_as_many_values_as_the_largest_aggregate_has_hosts_are_looked_into() -> None:
    text = orjson.dumps({"hosts": [f"host{number}" for number in range(100_000)]})
    assert len(strictjson.parse(text, "text")["hosts"]) == 100_000
