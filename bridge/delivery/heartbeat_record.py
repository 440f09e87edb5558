"""The bridge's heartbeat: shows central monitoring that it lives, and the bridge itself that Kafka takes records."""

import time
from dataclasses import dataclass
from uuid import uuid4

import msgspec

from bridge.metrics import CloudMetrics
from precache import __version__
from precache.contract import cloudevents
from precache.contract.heartbeat import Heartbeat, HeartbeatCounts, State
from precache.contract.times import rfc3339_us
from precache.contract.topics import BRIDGE_TYPE


@dataclass(frozen=True, slots=True)
class Record:
    """A record for Kafka."""

    topic: str
    key: bytes
    value: bytes
    headers: cloudevents.Headers


def heartbeat_record(
    topic: str, *, cloud: str, instance: str, state: State, metrics: CloudMetrics, in_flight: int
) -> Record:
    """Return a heartbeat, stamped now."""
    timestamp = rfc3339_us(time.time_ns())
    heartbeat = Heartbeat(
        cloud=cloud,
        instance=instance,
        version=__version__,
        state=state,
        timestamp=timestamp,
        counts=HeartbeatCounts(
            received=metrics.received_count,
            forwarded=metrics.forwarded_count,
            deadlettered=metrics.deadlettered_count,
            in_flight=in_flight,
        ),
    )
    headers = cloudevents.headers(
        event_id=str(uuid4()),
        source_path=cloudevents.source("clouds", cloud),
        event_type=BRIDGE_TYPE,
        subject=cloud,
        time=timestamp,
    )
    return Record(topic, cloud.encode(), msgspec.json.encode(heartbeat), headers)
