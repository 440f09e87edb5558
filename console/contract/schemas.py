"""The JSON Schema of every record's value and headers.

They use what drafts 7 and 2020-12 have in common: every nested object is written out where it stands. Keys that they
do not name are allowed: a later version of 1.x may add some.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.json import schema_components

from precache.contract.deadletters import DeadLetterHeaders, ReplayRecord
from precache.contract.heartbeat import Heartbeat
from precache.contract.nova import EndNotification, InstanceNotification, ProgressNotification, StartNotification
from precache.contract.operation import Operation
from precache.contract.progress import Progress
from precache.contract.wanted import Wanted

Schema = dict[str, Any]

OTHER: Final = "other-notification"
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/"
_ROLE: Final = re.compile(r":\w+:(?=`)")

VALUES: Final[Mapping[str, type[Struct]]] = {
    "start": StartNotification,
    "progress-notification": ProgressNotification,
    "end": EndNotification,
    "heartbeat": Heartbeat,
    "progress": Progress,
    "operation": Operation,
    "instance": InstanceNotification,
    "wanted": Wanted,
    "replay": ReplayRecord,
}

_PRE_CACHE: Final = frozenset({"start", "progress-notification", "end"})

# What `events:` and `forward:` of a bridge's cloud let through beside the pre-cache notifications.
OTHER_NOTIFICATION: Final[Schema] = {
    "title": "OtherNotification",
    "description": "Another notification of Nova, as `events:` or `forward:` in `bridge.yaml` lets through.",
    "type": "object",
    "required": ["event_type", "message_id", "timestamp", "publisher_id", "payload", "context"],
    "properties": {
        "event_type": {"type": "string"},
        "message_id": {"type": "string", "description": "Nova's id of the notification"},
        "timestamp": {"type": "string", "description": "when Nova sent it", "x-unit": "RFC 3339, microseconds, UTC"},
        "publisher_id": {"type": "string", "description": "`SERVICE:HOST` of who sent it"},
        "payload": {"type": "object", "description": "Nova's own versioned object, unchanged"},
        "context": {"type": "object", "description": "of Nova's request context, what may leave the cloud"},
    },
}


def value_schema(name: str) -> Schema:
    """Return the schema of a record's value, by a name of :data:`VALUES`, or :data:`OTHER`."""
    if name == OTHER:
        return OTHER_NOTIFICATION
    found = _inlined(VALUES[name])
    if name in _PRE_CACHE:
        request_id = found["properties"]["context"]["properties"]["request_id"]
        # The processor refuses those of no request, and its Struct says so. A bridge forwards them.
        request_id |= {"type": ["string", "null"], "minLength": 0}
    return found


def deadletter_headers() -> Schema:
    """Return the schema of the headers that a dead letter has beside those of CloudEvents: text, or absent."""
    found = _inlined(DeadLetterHeaders)
    for each in found["properties"].values():
        each.pop("anyOf", None)
        each.pop("default", None)
        each["type"] = "string"
    return found


def cloudevents_headers(event_type: str, *, pattern: bool = False) -> Schema:
    """Return the schema of the CloudEvents headers of one kind of record, as text.

    Args:
        event_type: `ce_type`, or the pattern that it matches.
        pattern: which of the two.
    """
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "content-type"],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": text | {"description": "unique within `ce_source`; equal for a repeated delivery"},
            "ce_source": text | {"description": "a path of percent-encoded segments", "pattern": "^(/[^/?#]+)+/?$"},
            "ce_type": {"pattern": event_type, "type": "string"} if pattern else {"const": event_type},
            "ce_subject": {"type": "string", "description": "what it is about"},
            "ce_time": text | {"description": "RFC 3339, UTC", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
            "content-type": {"const": "application/json"},
        },
    }


def with_headers(event: Schema, more: Schema) -> Schema:
    """Return the schema of headers that have those of two schemas."""
    return event | {"properties": event["properties"] | more["properties"]}


def _inlined(shape: type[Struct]) -> Schema:
    (found,), components = schema_components([shape], ref_template=_REF + "{name}")
    inlined: Schema = _without_refs(found, components)
    return inlined


def _without_refs(part: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_without_refs(each, components) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        beside = {key: value for key, value in part.items() if key != "$ref"}
        referred = _without_refs(components[part["$ref"].removeprefix(_REF)], components)
        return referred | beside
    return {
        key: _plain(value) if key == "description" else _without_refs(value, components) for key, value in part.items()
    }


def _plain(text: Any) -> Any:
    """Return a description without a docstring's marks and line breaks; a key of that name is left alone."""
    if not isinstance(text, str):
        return text
    return " ".join(_ROLE.sub("", text).replace("``", "`").split())
