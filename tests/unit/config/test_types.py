"""Durations and addresses."""

import pytest
from pydantic import TypeAdapter, ValidationError

from precache.config import Duration, Listen, parse_duration

LISTEN: TypeAdapter[tuple[str, int]] = TypeAdapter(Listen)
DURATION: TypeAdapter[float] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5s", 5.0),
        ("2m", 120.0),
        ("1h30m", 5_400.0),
        ("500ms", 0.5),
        ("24h", 86_400.0),
        ("7d", 604_800.0),
        ("1.5h", 5_400.0),
        ("0s", 0.0),
        ("1m30s250ms", 90.25),
        (" 30s ", 30.0),
        (30, 30.0),
        (0.25, 0.25),
        ("30", 30.0),
    ],
)
def test_a_duration(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)
    assert DURATION.validate_python(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "s",
        "5 s",
        "-5s",
        "5x",
        "1h-30m",
        "1,5h",
        "5S",
        "٣s",
        True,
        None,
        [],
        -1,
        float("nan"),
        float("inf"),
        "20000000h",
        10**400,
    ],
)
def test_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="should be a duration such as 500ms, 30s, 2m, 1h30m or 24h"):
        parse_duration(written)
    with pytest.raises(ValidationError):
        DURATION.validate_python(written)


@pytest.mark.parametrize(
    ("written", "pair"),
    [
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9100", ("::1", 9100)),
        (("::", 1), ("::", 1)),
    ],
)
def test_an_address(written: object, pair: tuple[str, int]) -> None:
    assert LISTEN.validate_python(written) == pair


@pytest.mark.parametrize(
    "written", ["", "9100", ":9100", "host", "host:", "host:x", "host:65536", "::1:9100", 9100, None]
)
def test_no_address(written: object) -> None:
    with pytest.raises(ValidationError, match="should be HOST:PORT"):
        LISTEN.validate_python(written)
