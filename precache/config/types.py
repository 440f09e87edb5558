"""Values that more than one model needs: durations and listening addresses."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_DURATION_HELP: Final = "should be a duration such as 500ms, 30s, 2m, 1h30m or 24h"
_MAX_DURATION_S: Final = 3_650 * 86_400.0
_MAX_PORT: Final = 65_535


def parse_duration(value: object) -> float:
    """Return the seconds that a duration says: ``"500ms"``, ``"30s"``, ``"1h30m"``; a bare number is seconds.

    Raises:
        ValueError: it is no duration, negative, or longer than ten years.
    """
    seconds = _seconds(value)
    if not 0 <= seconds <= _MAX_DURATION_S:
        raise ValueError(f"{_DURATION_HELP}, from 0 to ten years")
    return seconds


def _seconds(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError(_DURATION_HELP)  # noqa: TRY004 - pydantic makes an error of the file of it
    if isinstance(value, int | float):
        # Whatever is out of bounds, and what is no number at all, is refused as such by the caller.
        return float(value) if 0 <= value <= _MAX_DURATION_S else -1.0
    text = str(value).strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise ValueError(_DURATION_HELP)
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))


def _parse_listen(value: Any) -> Any:
    """Return ``("127.0.0.1", 9100)`` for ``"127.0.0.1:9100"``; IPv6 addresses stand in brackets."""
    if isinstance(value, tuple | list):
        return value
    host, colon, port = str(value).strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if (
        not colon
        or not bare
        or not (port.isascii() and port.isdecimal())
        or len(port) > len(str(_MAX_PORT))
        or int(port) > _MAX_PORT
        or (":" in bare and bare == host)
    ):
        raise ValueError("should be HOST:PORT, such as 127.0.0.1:9100, 0.0.0.0:9100 (all interfaces) or [::1]:9100")
    return bare, int(port)


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; written as ``5s``, ``2m``, ``1h30m``, ``500ms``, ``24h`` or a bare number of seconds."""

Listen = Annotated[
    tuple[str, int],
    BeforeValidator(_parse_listen),
    PlainSerializer(lambda pair: f"{pair[0]}:{pair[1]}", return_type=str),
]
"""A host and a port to listen on; written as ``127.0.0.1:9100``. Port 0 is any free one."""
