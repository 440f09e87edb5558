"""Every kind of record that is published: its topic, its key, its headers, its value."""

import re
from dataclasses import dataclass
from typing import Final

from console.contract import schemas
from console.contract.schemas import Schema
from precache.contract import nova
from precache.contract.topics import (
    BRIDGE_TYPE,
    DEADLETTER_TYPE,
    NOVA_TYPE_PREFIX,
    OPERATION_TYPE,
    PROGRESS_TYPE,
    REPLAY_TYPE,
    WANTED_TYPE,
    Role,
)

_BY_AGGREGATE: Final = "by the hash of the key: all records of one aggregate of a cloud lie in order in one partition"
_BY_KEY: Final = "by the hash of the key"
_AS_INPUT: Final = (
    "the number of the partition of `nova.notifications` that the operation's events lie in; the two topics have as "
    "many partitions"
)


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """One kind of record.

    Attributes:
        name: of its schema.
        role: of its topic.
        event_type: `ce_type`; or a pattern, where it ends in `$`.
        key: what the key is, and a pattern that it matches.
        source: what `ce_source` is.
        identity: what `ce_id` is.
        partition: how the partition is chosen.
        summary: one sentence.
    """

    name: str
    role: Role
    event_type: str
    key: tuple[str, str]
    source: str
    identity: str
    partition: str
    summary: str

    def value(self) -> Schema | None:
        """Return the schema of the value; None: bytes of any kind."""
        return None if self.name == DEADLETTER else schemas.value_schema(self.name)

    def headers(self) -> Schema:
        """Return the schema of the headers, each read as text."""
        event = schemas.cloudevents_headers(self.event_type, pattern=self.event_type.endswith("$"))
        return schemas.with_headers(event, schemas.deadletter_headers()) if self.role == "deadletters" else event


DEADLETTER: Final = "deadletter"

_CLOUD: Final = ("`CLOUD`", "^[a-z0-9-]+$")
_AGGREGATE: Final = ("`CLOUD/AGGREGATE_UUID`", "^[a-z0-9-]+/.+$")
_OPERATION: Final = ("the operation's id, `CLOUD/AGGREGATE_UUID/REQUEST_ID`", "^[a-z0-9-]+/.+/.+$")
_NOVA_ID: Final = "Nova's `message_id`"
_NOVA_SOURCE: Final = "`/clouds/CLOUD/PUBLISHER_ID`"


def _notification(name: str, event_type: str, summary: str) -> MessageSpec:
    kind = NOVA_TYPE_PREFIX + event_type
    return MessageSpec(name, "notifications", kind, _AGGREGATE, _NOVA_SOURCE, _NOVA_ID, _BY_AGGREGATE, summary)


MESSAGES: Final = (
    _notification("start", nova.START, "Nova began to ask the hosts of an aggregate."),
    _notification("progress-notification", nova.PROGRESS, "One host reported to Nova."),
    _notification("end", nova.END, "Nova waits for no more hosts of this operation."),
    MessageSpec(
        schemas.OTHER,
        "notifications",
        rf"^{re.escape(NOVA_TYPE_PREFIX)}(?!aggregate\.cache_images\.(start|progress|end)$).+$",
        ("`CLOUD/UUID` of what the payload is about, as a rule", "^[a-z0-9-]+"),
        _NOVA_SOURCE,
        _NOVA_ID,
        _BY_KEY,
        "Another notification of Nova; only where a bridge is configured to forward it.",
    ),
    MessageSpec(
        "heartbeat",
        "notifications",
        BRIDGE_TYPE,
        _CLOUD,
        "`/clouds/CLOUD`",
        "a random UUID",
        _BY_KEY,
        "A bridge lives: before it consumes, before it resumes, and every 60 s, for each cloud.",
    ),
    MessageSpec(
        "progress",
        "progress",
        PROGRESS_TYPE,
        _OPERATION,
        "`/precache/CLOUD`",
        "`uuid5(uuid5(NAMESPACE_URL, operation), message_id)`",
        _BY_KEY,
        "One host's first report in an operation, with the counts after it.",
    ),
    MessageSpec(
        "operation",
        "operations",
        OPERATION_TYPE,
        _OPERATION,
        "`/precache/CLOUD`",
        "`uuid5(uuid5(NAMESPACE_URL, operation), sequence)`",
        _AS_INPUT,
        "An operation began, changed its status, or has a new revision of its final result.",
    ),
    MessageSpec(
        DEADLETTER,
        "deadletters",
        DEADLETTER_TYPE,
        ('`CLOUD`; `""` when it is unknown', "^[a-z0-9-]*$"),
        "`/precache/CLOUD`",
        "a UUID; the same one for the same letter written twice, where that can be known",
        _BY_KEY,
        "A message that could not be used: the bytes as they came, credentials masked, and why in the headers.",
    ),
    MessageSpec(
        "replay",
        "deadletters",
        REPLAY_TYPE,
        _CLOUD,
        "`/precache/CLOUD`",
        "a random UUID",
        _BY_KEY,
        "A dead letter was replayed.",
    ),
    MessageSpec(
        "instance",
        "instances",
        rf"^{re.escape(NOVA_TYPE_PREFIX)}instance\.create\.(end|error)$",
        ("`CLOUD/INSTANCE_UUID`", "^[a-z0-9-]+/.+$"),
        _NOVA_SOURCE,
        _NOVA_ID,
        _BY_KEY,
        "An instance was built, or failed to be; only of clouds with `boots: true`.",
    ),
    MessageSpec(
        "wanted",
        "wanted",
        WANTED_TYPE,
        ("`CLOUD/AGGREGATE_UUID/IMAGE`", "^[a-z0-9-]+/.+/.+$"),
        "`/precache/keeper`",
        "a UUID made from key and value",
        "one partition",
        "How one declared image stands on one aggregate.",
    ),
)


def is_of(spec: MessageSpec, event_type: str) -> bool:
    """Return whether a `ce_type` names this kind of record."""
    if spec.event_type.endswith("$"):
        return re.match(spec.event_type, event_type) is not None
    return spec.event_type == event_type
