"""Why a record of ``nova.notifications`` can't be used, in words: the slow twin of ``processor.core.decode``."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import orjson

from precache.contract.nova import END, PAYLOAD_MAJOR, PROGRESS, START
from precache.contract.tables.fields import INT64_MAX, INT64_MIN
from precache.contract.topics import BRIDGE_TYPE

Reason = Literal["undecodable", "unknown-version", "no-request-id", "late", "refused-point"]

# Nanoseconds of a time outside of these do not fit into 64 bits.
EARLIEST: Final = datetime(1678, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2262, 1, 1, tzinfo=UTC)
# An operation's id is made of three of these, and stands in its records' keys, headers and values: whatever else they
# hold can be cut, so that every record fits (see precache.contract.topics).
MAX_NAME_BYTES: Final = 4_096
_SHOWN_CHARS: Final = 80


class Unreadable(Exception):
    """A record that can't be used.

    Attributes:
        reason: the dead letter's fixed word.
        detail: what is wrong, and where in the value.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def explain(value: bytes, error: Exception) -> Unreadable | None:
    """Return what is wrong with a value that the fast path refused with ``error``; ``None``: nothing of precache."""
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as problem:
        return Unreadable("undecodable", f"the value is not JSON: {problem}")
    kind = data.get("event_type") if type(data) is dict else None
    if type(kind) is str and kind not in _BODIES and kind != BRIDGE_TYPE:
        return None
    try:
        return _explain(data) or Unreadable("undecodable", f"the value can't be used: {error!r}")
    except _WrongField as problem:
        return Unreadable("undecodable", str(problem))


def check_names(event: Mapping[str, object]) -> None:
    """Refuse an event whose names are too long for the records that would bear them.

    Raises:
        Unreadable: with the first such name.
    """
    for field, value in event.items():
        if type(value) is str and len(value.encode()) > MAX_NAME_BYTES:
            text = f"{field} has {len(value.encode())} bytes; a name may have {MAX_NAME_BYTES}: {shown(value)}"
            raise Unreadable("undecodable", text)


class _WrongField(Exception):
    """The first thing found wrong: ``path: what``."""


def _explain(data: object) -> Unreadable | None:
    top = _object(data, "the value")
    kind = _text(top, "event_type")
    if kind == BRIDGE_TYPE:
        _check(top, _HEARTBEAT)
        _check(_object(top.get("counts"), "counts"), _COUNTS, "counts.")
        return None
    payload = _object(top.get("payload"), "payload")
    version = _text(payload, "nova_object.version", "payload.")
    if version.partition(".")[0] != PAYLOAD_MAJOR:
        return Unreadable("unknown-version", f"payload.nova_object.version is {shown(version)}, not {PAYLOAD_MAJOR}.x")
    context = _object(top.get("context"), "context")
    if not context.get("request_id"):
        return Unreadable("no-request-id", "context.request_id is missing: no telling which operation this belongs to")
    _check(context, _CONTEXT, "context.")
    _check(top, _TOP)
    body = _object(payload.get("nova_object.data"), "payload.nova_object.data")
    _check(body, _BODIES.get(kind, {}), "payload.nova_object.data.")
    return None


def _object(value: object, path: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise _WrongField(f"{path} is not an object: {shown(value)}")
    return value


def _text(holder: dict[str, Any], key: str, prefix: str = "") -> str:
    value = holder.get(key)
    if type(value) is not str:
        raise _WrongField(f"{prefix}{key} is not a string: {shown(value)}")
    return value


def _check(holder: dict[str, Any], rules: "dict[str, _Rule]", prefix: str = "") -> None:
    for key, rule in rules.items():
        for error in rule(holder.get(key)):
            raise _WrongField(f"{prefix}{key} {error}: {shown(holder.get(key))}")


_Rule = Callable[[object], Iterator[str]]


def _is_name(value: object) -> Iterator[str]:
    if type(value) is not str or not value:
        yield "is not a string with something in it"


def _is_text(value: object) -> Iterator[str]:
    if type(value) is not str:
        yield "is not a string"


def _is_text_or_null(value: object) -> Iterator[str]:
    if value is not None and type(value) is not str:
        yield "is neither a string nor null"


def _is_int64(value: object) -> Iterator[str]:
    if type(value) is not int or not INT64_MIN <= value <= INT64_MAX:
        yield "is not an integer of 64 bits"


def _are_names(value: object) -> Iterator[str]:
    if type(value) is not list or not all(type(item) is str and item for item in value):
        yield "is not a list of names"


def _are_names_or_null(value: object) -> Iterator[str]:
    return _are_names([] if value is None else value)


def _is_time(value: object) -> Iterator[str]:
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        yield "is not a time such as 2026-11-22T06:24:38.695481Z"
    else:
        if not EARLIEST < moment.replace(tzinfo=UTC) < LATEST:
            yield "is a time too far away"


_TOP: Final[dict[str, _Rule]] = {"message_id": _is_name, "timestamp": _is_time}
_CONTEXT: Final[dict[str, _Rule]] = {
    "request_id": _is_name,
    "project_id": _is_text_or_null,
    "user_id": _is_text_or_null,
}
_BOUNDARY: Final[dict[str, _Rule]] = {"uuid": _is_name, "name": _is_text, "hosts": _are_names_or_null}
_BODIES: Final[dict[str, dict[str, _Rule]]] = {
    START: _BOUNDARY,
    END: _BOUNDARY,
    PROGRESS: {
        "uuid": _is_name,
        "name": _is_text,
        "host": _is_name,
        "images_cached": _are_names,
        "images_failed": _are_names,
        "index": _is_int64,
        "total": _is_int64,
    },
}
_HEARTBEAT: Final[dict[str, _Rule]] = {
    "cloud": _is_name,
    "instance": _is_name,
    "version": _is_text,
    "state": _is_text,
    "timestamp": _is_time,
}
_COUNTS: Final[dict[str, _Rule]] = dict.fromkeys(("received", "forwarded", "deadlettered", "in_flight"), _is_int64)


def shown(value: object) -> str:
    """Return a value as it stands in a detail: the beginning of a long one."""
    try:
        text = repr(value)
    except RecursionError:  # parsers of JSON go deeper than Python's own calls
        return "a value nested too deep to be shown"
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
