"""From the bytes on RabbitMQ to the record in Kafka: pure, no I/O, no clock.

The payload is forwarded unchanged, as JSON values. A fast parser can't promise that by itself: it takes the last of two
equal keys and rounds numbers that it can't hold. So what was parsed is written again and compared with what was read,
blanks aside; only when the two differ (escaped non-ASCII text, as a rule) a slower, strict reader decides.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from bridge.decode import compression as contenttype
from bridge.decode import payloads, reasons
from bridge.decode import strict_json as strictjson
from bridge.decode.patterns import EventFilter
from bridge.decode.poison import Poison
from precache.contract import cloudevents, topics
from precache.contract.identity import SEPARATOR
from precache.contract.times import rfc3339_from_nova

# What oslo.messaging's notifier writes, up to the event type, as bytes. Anchored at the start, so that the key found
# is the message's own and not one in its payload; whatever looks different is decoded in full.
_EVENT_TYPE: Final = re.compile(
    rb'\{"oslo\.version": "2\.0", "oslo\.message": "\{'
    rb'\\"message_id\\": \\"[^"\\]*\\", '
    rb'\\"publisher_id\\": \\"[^"\\]*\\", '
    rb'\\"event_type\\": \\"([\w.-]{1,255})\\", \\"priority\\": '
)

# What stands around the text in the envelope that oslo.messaging writes.
_ENVELOPE_BYTES: Final = len('{"oslo.version": "2.0", "oslo.message": ""}')
_NOVA_TIME_CHARS: Final = len("2026-11-22 06:24:38.695481")
_MEMO_ENTRIES: Final = 4096
_MAX_ID_CHARS: Final = 255
# Properties that are kept to be recognised; a notifier's own have some 60 bytes.
_MAX_KEPT_BYTES: Final = 1024

_SPEC_VERSION: Final = ("ce_specversion", cloudevents.SPEC_VERSION)
_CONTENT_TYPE: Final = ("content-type", cloudevents.CONTENT_TYPE)


class Forward(NamedTuple):
    """One notification as Kafka takes it.

    ``topics`` are those that want it (one, as a rule); key, value and headers are the same in each.
    """

    topics: tuple[str, ...]
    key: bytes
    value: bytes
    headers: cloudevents.Headers
    event_type: str


@dataclass(frozen=True, slots=True)
class Route:
    """Event types that match the patterns go to the topic."""

    topic: str
    patterns: tuple[str, ...]


class Decoder:
    """Decodes the messages of one cloud.

    Args:
        cloud: the cloud's name: the first part of every key.
        routes: which event types go to which topic.
        read_properties: reads a delivery's properties.
        max_body_bytes: the largest body that is looked into, decompressed.
    """

    def __init__(
        self,
        cloud: str,
        routes: Iterable[Route],
        read_properties: Callable[[bytes], Mapping[str, Any]] = lambda _: {},
        max_body_bytes: int = contenttype.MAX_BODY_BYTES,
    ) -> None:
        self._read_properties = read_properties
        self._max_body_bytes = max_body_bytes
        self._plain: set[bytes] = set()
        self._cloud = cloud
        self._key_prefix = cloud.encode() + SEPARATOR.encode()
        self._filters = tuple((route.topic, EventFilter(route.patterns)) for route in routes)
        self._routes: dict[str, tuple[str, ...]] = {}
        self._unwanted: set[bytes] = set()
        self._source_headers: dict[str, tuple[str, bytes]] = {}
        self._type_headers: dict[str, tuple[str, bytes]] = {}

    def decode(self, body: bytes, properties: bytes = b"") -> Forward | Poison | None:
        """Return what to forward, or why that can't be done; ``None`` when no topic wants this event type.

        Args:
            body: the message.
            properties: as they stood on the wire.
        """
        try:
            if properties not in self._plain:
                body = self._opened(body, properties)
            found = _EVENT_TYPE.match(body)
            if found is not None:
                event_type = found.group(1)
                if event_type in self._unwanted or not self._wanted_on_sight(event_type):
                    return None
            return self._decode(body)
        except Poison as poison:
            return poison

    def _opened(self, body: bytes, raw: bytes) -> bytes:
        open_ = contenttype.opener(self._read_properties(raw))
        if open_ is not None:
            return contenttype.opened(body, open_, self._max_body_bytes)
        if len(raw) <= _MAX_KEPT_BYTES and len(self._plain) < _MEMO_ENTRIES:
            # All messages of one notifier have the same properties.
            self._plain.add(raw)
        return body

    def _wanted_on_sight(self, event_type: bytes) -> bool:
        text = event_type.decode(errors="replace")
        if self._topics(text):
            return True
        if len(self._unwanted) < _MEMO_ENTRIES:
            self._unwanted.add(event_type)
        return False

    def _topics(self, event_type: str) -> tuple[str, ...]:
        wanted = self._routes.get(event_type)
        if wanted is None:
            wanted = tuple(topic for topic, wants in self._filters if wants(event_type))
            if len(self._routes) < _MEMO_ENTRIES:
                self._routes[event_type] = wanted
        return wanted

    def _decode(self, body: bytes) -> Forward | None:
        contenttype.check_size(body, self._max_body_bytes)
        message = _open_envelope(body)
        event_type = _text(message, "event_type")
        wanted = self._topics(event_type)
        if not wanted:
            return None
        message_id = _text(message, "message_id")
        publisher_id = _text(message, "publisher_id")
        timestamp = _timestamp(_text(message, "timestamp"))
        payload = message.get("payload")
        resource = payloads.check(event_type, payload) or publisher_id
        key = self._key_prefix + resource.encode()
        value = _dump(
            {
                "event_type": event_type,
                "message_id": message_id,
                "timestamp": timestamp,
                "publisher_id": publisher_id,
                "payload": payload,
                "context": _context(message),
            }
        )
        headers = [
            _SPEC_VERSION,
            ("ce_id", message_id.encode()),
            self._source_headers.get(publisher_id) or self._source_header(publisher_id),
            self._type_headers.get(event_type) or self._type_header(event_type),
            ("ce_subject", key),
            ("ce_time", timestamp.encode()),
            _CONTENT_TYPE,
        ]
        return Forward(wanted, key, value, headers, event_type)

    def _source_header(self, publisher_id: str) -> tuple[str, bytes]:
        header = ("ce_source", cloudevents.source("clouds", self._cloud, publisher_id).encode())
        if len(self._source_headers) < _MEMO_ENTRIES:
            self._source_headers[publisher_id] = header
        return header

    def _type_header(self, event_type: str) -> tuple[str, bytes]:
        header = ("ce_type", (topics.NOVA_TYPE_PREFIX + event_type).encode())
        if len(self._type_headers) < _MEMO_ENTRIES:
            self._type_headers[event_type] = header
        return header


def _open_envelope(body: bytes) -> Mapping[str, Any]:
    """Return the message in a 2.0 envelope, or the flat message of version 1.0.

    Raises:
        Poison: there is none.
    """
    if not body:
        raise Poison(reasons.EMPTY_BODY, "the body is empty")
    outer = strictjson.parse(body, "body")
    if "oslo.version" not in outer:
        strictjson.check(body, outer, "body")
        return outer
    text = _message_text(outer)
    if not _is_plain_envelope(body, text):
        strictjson.check(body, outer, "body")
    inner = text.encode()
    message = strictjson.parse(inner, "oslo.message")
    strictjson.check(inner, message, "oslo.message")
    return message


def _message_text(outer: Mapping[str, Any]) -> str:
    version = outer["oslo.version"]
    if version != "2.0":
        raise Poison(reasons.ENVELOPE_VERSION, f"oslo.version is {_shown(version)}, not '2.0'")
    text = outer.get("oslo.message")
    if not isinstance(text, str):
        raise Poison(reasons.ENVELOPE, f"oslo.message is {payloads.type_name(text)}, not a JSON text")
    return text


def _is_plain_envelope(body: bytes, text: str) -> bool:
    """Whether an envelope that was parsed holds nothing but the version and this text, once.

    No string can be written in JSON with fewer bytes than it has in UTF-8, and one more for each quote and backslash.
    So if the body has just these beside what stands around the text in every envelope, there is room for no more.
    """
    return text.isascii() and len(body) == _ENVELOPE_BYTES + len(text) + text.count('"') + text.count("\\")


def _text(message: Mapping[str, Any], field: str) -> str:
    value = message.get(field)
    if type(value) is str and value:
        if len(value) > _MAX_ID_CHARS:
            raise Poison(reasons.FIELD_TYPE, f"{field} has {len(value)} characters, more than {_MAX_ID_CHARS}")
        return value
    if value is None or value == "":
        raise Poison(reasons.MISSING_FIELD, f"{field} is missing or empty")
    raise Poison(reasons.FIELD_TYPE, f"{field} is {payloads.type_name(value)}, not a string")


def _timestamp(text: str) -> str:
    try:
        # As Nova writes it: it is checked, and then only its two marks are changed.
        is_novas = len(text) == _NOVA_TIME_CHARS and text[7] == "-" and text[10] == " " and text[19] == "."
        if is_novas and datetime.fromisoformat(text).tzinfo is None:
            return f"{text[:10]}T{text[11:]}Z"
        return rfc3339_from_nova(text)
    except (ValueError, OverflowError):
        raise Poison(reasons.TIMESTAMP, "timestamp is not an ISO 8601 time") from None


def _context(message: Mapping[str, Any]) -> dict[str, str | None]:
    context = {
        "request_id": message.get("_context_request_id"),
        "global_request_id": message.get("_context_global_request_id"),
        "project_id": message.get("_context_project_id"),
        "user_id": message.get("_context_user_id"),
    }
    for field, value in context.items():
        if value is not None and type(value) is not str:
            raise Poison(reasons.FIELD_TYPE, f"_context_{field} is {payloads.type_name(value)}, not a string or null")
    return context


def _dump(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Poison(reasons.TOO_DEEP, f"can't be written again: {error}") from None


def _shown(value: object) -> str:
    return repr(value)[:40] if isinstance(value, str | int | float) else payloads.type_name(value)
