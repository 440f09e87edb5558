"""Why a record of ``nova.notifications`` can't be used, in words: the slow twin of ``processor.core.decode``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson
from msgspec import ValidationError

from precache.contract.nova import CACHE_IMAGES, PAYLOAD_MAJOR, error_text
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
    if _is_foreign(data):
        return None
    text = error_text(error) if isinstance(error, ValidationError) else str(error)
    return _newer_version(data) or _no_request_id(data) or Unreadable("undecodable", text)


def check_names(event: Mapping[str, object]) -> None:
    """Refuse an event whose names are too long for the records that would bear them.

    Raises:
        Unreadable: with the first such name.
    """
    for field, value in event.items():
        if type(value) is str and len(value.encode()) > MAX_NAME_BYTES:
            text = f"{field} has {len(value.encode())} bytes; a name may have {MAX_NAME_BYTES}: {shown(value)}"
            raise Unreadable("undecodable", text)


def _is_foreign(data: object) -> bool:
    """Whether it is a notification that means nothing here."""
    kind = data.get("event_type") if type(data) is dict else None
    return type(kind) is str and kind not in CACHE_IMAGES and kind != BRIDGE_TYPE


def _newer_version(data: Any) -> Unreadable | None:
    """Return the reason when the payload is of another major version, whose fields are not ours to judge."""
    payload = data.get("payload") if type(data) is dict else None
    version = payload.get("nova_object.version") if type(payload) is dict else None
    if type(version) is not str or version.partition(".")[0] == PAYLOAD_MAJOR:
        return None
    return Unreadable("unknown-version", f"payload.nova_object.version is {shown(version)}, not {PAYLOAD_MAJOR}.x")


def _no_request_id(data: Any) -> Unreadable | None:
    """Return the reason when only the request id is missing: Nova sends it, but for a request without a context."""
    context = data.get("context") if type(data) is dict else None
    if type(context) is not dict or context.get("request_id") or data.get("event_type") == BRIDGE_TYPE:
        return None
    return Unreadable("no-request-id", "context.request_id is missing: the operation can't be identified without it")


def shown(value: object) -> str:
    """Return a value as it stands in a detail: the beginning of a long one."""
    try:
        text = repr(value)
    except RecursionError:  # parsers of JSON go deeper than Python's own calls
        return "a value nested too deep to be shown"
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
