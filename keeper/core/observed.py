"""What the keeper sees of a cloud at one moment: Nova's aggregates, Glance's images, and what precache knows."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

Result = Literal["cached", "failed", "silent"]


@dataclass(frozen=True, slots=True)
class ObservedHost:
    """A host of an aggregate.

    Attributes:
        name: as Nova has it.
        up: Nova's own judgement; a host that is down fails at once.
        since_s: when it joined or came back up; ``None``: before the keeper looked.
    """

    name: str
    up: bool = True
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class ObservedAggregate:
    """A host aggregate. ``id`` is the number that the API takes."""

    id: int
    uuid: str
    name: str
    hosts: Sequence[ObservedHost]


@dataclass(frozen=True, slots=True)
class ObservedImage:
    """An image of Glance. ``created_at`` is RFC 3339: it sorts as text."""

    id: str
    name: str
    status: str = "active"
    created_at: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObservedHostImage:
    """What is known of one image on one host, from the last operation that asked for it.

    Attributes:
        result: of that operation.
        touched_s: when Nova last touched the image there, at the earliest; ``None``: never, as far as known.
    """

    result: Result
    touched_s: float | None


@dataclass(frozen=True, slots=True)
class ObservedOperation:
    """An operation of Nova, the keeper's own or another one's.

    Attributes:
        id: ``CLOUD/AGGREGATE_UUID/REQUEST_ID``.
        aggregate_uuid: where.
        global_request_id: as its caller chose it; ``""``: none.
        status: as in ``precache.operations``.
        images: that were reported on; empty before the first report.
        hosts_total, hosts_done: asked, and reported.
        started_s: START's time.
        last_event_s: the last event's time; the end's, once it is final.
    """

    id: str
    aggregate_uuid: str
    global_request_id: str
    status: str
    images: Sequence[str]
    hosts_total: int
    hosts_done: int
    started_s: float
    last_event_s: float


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A cloud whose API did not answer; ``why`` in words."""

    why: str


@dataclass(frozen=True, slots=True)
class CloudView:
    """A cloud at one moment.

    Attributes:
        aggregates: all of Nova's.
        images: all of Glance's that may be meant.
        residency: for an aggregate's uuid and an image's id, what is known of each host.
        operations: the open ones, and those that ended within the longest ``purge_after``.
        started: global request ids whose START is in Kafka, though the store may not have their operation yet.
        heartbeat_s: when the last heartbeat was sent that a consuming bridge of this cloud sent; ``None``: never.
    """

    aggregates: Sequence[ObservedAggregate]
    images: Sequence[ObservedImage]
    residency: Mapping[tuple[str, str], Mapping[str, ObservedHostImage]] = field(default_factory=dict)
    operations: Sequence[ObservedOperation] = ()
    started: AbstractSet[str] = frozenset()
    heartbeat_s: float | None = None
