"""A bridge's heartbeat: a record of ``nova.notifications``, and a row of ``precache_bridge``."""

from typing import Annotated, Final, Literal

from msgspec import Struct

from precache.contract.tables.fields import INT64_MAX, INT64_MIN, field, record, tag
from precache.contract.topics import BRIDGE_TYPE

State = Literal["starting", "running", "resuming", "stopping"]


_INT64: Final = {"ge": INT64_MIN, "le": INT64_MAX}


class HeartbeatCounts(Struct, frozen=True, kw_only=True, gc=False):
    """What a bridge counted for one cloud since it started."""

    received: Annotated[int, field("taken from RabbitMQ", "messages", **_INT64)]
    forwarded: Annotated[int, field("written to Kafka", "messages", **_INT64)]
    deadlettered: Annotated[int, field("written to the dead letters", "messages", **_INT64)]
    in_flight: Annotated[int, field("taken and not yet acknowledged", "messages", **_INT64)]


class Heartbeat(Struct, frozen=True, kw_only=True, gc=False, tag_field="event_type", tag=BRIDGE_TYPE):
    """Shows that a bridge lives, for one of its clouds; the store keeps the counts as fields beside the others.

    The record begins with ``event_type``, as every value of ``nova.notifications`` has it.
    """

    cloud: Annotated[str, tag("the cloud, as named in `bridge.yaml`", min_length=1)]
    instance: Annotated[str, tag("the bridge, as named by `instance:` in `bridge.yaml`", min_length=1)]
    version: Annotated[str, field("the version of precache")]
    state: Annotated[str, field("`starting`, `running`, `resuming` (after Kafka was away), `stopping`")]
    timestamp: Annotated[str, record("when it was sent", "RFC 3339")]
    counts: Annotated[HeartbeatCounts, record("the counts since the bridge started")]
