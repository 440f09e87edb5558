"""What the bridge exports to Prometheus, by cloud."""

import time
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_CLOUD: Final = ["cloud"]
_RECEIVED: Final = Counter("precache_bridge_received", "Messages taken from the cloud's queue.", _CLOUD)
_FORWARDED: Final = Counter("precache_bridge_forwarded", "Notifications that Kafka has confirmed.", _CLOUD)
_FILTERED: Final = Counter(
    "precache_bridge_filtered", "Messages of event types that nobody wants; acknowledged.", _CLOUD
)
_DEADLETTERED: Final = Counter(
    "precache_bridge_deadlettered", "Messages that could not be forwarded, by reason.", [*_CLOUD, "reason"]
)
_RECONNECTS: Final = Counter(
    "precache_bridge_source_losses", "Times that the source was lost or could not be opened.", _CLOUD
)
_REQUEUED: Final = Counter(
    "precache_bridge_requeued",
    "Messages requeued since Kafka was away for longer than `hold`.",
    _CLOUD,
)
_KAFKA_RETRIES: Final = Counter("precache_bridge_kafka_retries", "Records sent to Kafka again.", _CLOUD)
_IN_FLIGHT: Final = Gauge("precache_bridge_in_flight", "Messages received and not settled.", _CLOUD)
_IN_FLIGHT_BYTES: Final = Gauge("precache_bridge_in_flight_bytes", "Their bodies' bytes.", _CLOUD)
_CONSUMING: Final = Gauge("precache_bridge_consuming", "1 while the cloud's queue is being consumed.", _CLOUD)
_BREAKER: Final = Gauge(
    "precache_bridge_breaker_open", "1 while the cloud is stopped since too many messages can't be read.", _CLOUD
)
_AGE: Final = Gauge(
    "precache_bridge_last_event_age_seconds", "Since the last message came; NaN before the first.", _CLOUD
)
_LATENCY: Final = Histogram(
    "precache_bridge_delivery_seconds",
    "From receiving a batch of messages to Kafka's confirmation of its first ones; one observation a round.",
    _CLOUD,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)


class CloudMetrics:
    """The metrics of one cloud, and the counts of its heartbeats."""

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud
        self._received = _RECEIVED.labels(cloud)
        self._forwarded = _FORWARDED.labels(cloud)
        self.filtered = _FILTERED.labels(cloud)
        self.reconnect = _RECONNECTS.labels(cloud)
        self.requeued = _REQUEUED.labels(cloud)
        self.kafka_retries = _KAFKA_RETRIES.labels(cloud)
        self.in_flight = _IN_FLIGHT.labels(cloud)
        self.in_flight_bytes = _IN_FLIGHT_BYTES.labels(cloud)
        self.consuming = _CONSUMING.labels(cloud)
        self.breaker_open = _BREAKER.labels(cloud)
        self.latency = _LATENCY.labels(cloud)
        self._last_at = float("nan")
        _AGE.labels(cloud).set_function(lambda: time.monotonic() - self._last_at)
        self.received_count = 0
        self.forwarded_count = 0
        self.deadlettered_count = 0

    def received(self, count: int, now_s: float) -> None:
        """Count messages that came."""
        self._received.inc(count)
        self.received_count += count
        self._last_at = now_s

    def forwarded(self, count: int) -> None:
        """Count notifications that Kafka confirmed."""
        self._forwarded.inc(count)
        self.forwarded_count += count

    def deadlettered(self, reason: str) -> None:
        """Count a dead letter that Kafka confirmed."""
        _DEADLETTERED.labels(self._cloud, reason).inc()
        self.deadlettered_count += 1
