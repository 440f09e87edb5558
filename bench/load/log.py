"""`nova.notifications` filled beforehand, as bridges would have, so that only the reader is measured."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from bench.cache import emit
from bench.load.bodies import Maker
from bench.load.plan import Event, Plan
from bench.servers import Servers, unique

# Those of the bridge that shape the batches that a reader gets.
_PRODUCER: Final[dict[str, Any]] = {
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.messages": 200_000,
}
_POLL_EVERY: Final = 500


class Logs:
    """Topics by plan: rows that measure the same load share its log."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._made: dict[Plan, str] = {}

    def topic(self, plan: Plan) -> str:
        """Return the topic that holds a plan's notifications; made when it is asked for first."""
        if plan not in self._made:
            name = unique("bench") + ".nova.notifications"
            self._servers.make_topic(name, "notifications")
            emit(f"writing {plan.events:,} notifications to Kafka")
            fill(self._servers, name, plan)
            self._made[plan] = name
        return self._made[plan]

    @contextmanager
    def for_once(self, plan: Plan) -> Iterator[str]:
        """Give a plan's topic, and remove it afterwards: for a load that no other row uses."""
        name = self.topic(plan)
        yield name
        self._servers.remove_topics(name)
        del self._made[plan]


def fill(servers: Servers, topic: str, plan: Plan, seed: int = 1) -> None:
    """Write all notifications of a plan, in order, and check that the broker has every one of them."""
    _write(servers, topic, plan, plan.stream(seed=seed))


def fill_ends(servers: Servers, topic: str, plan: Plan) -> None:
    """Write the END of every operation of a plan that left them open."""
    _write(servers, topic, plan, plan.ends())


def _write(servers: Servers, topic: str, plan: Plan, events: Iterable[Event]) -> None:
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer({"bootstrap.servers": servers.bootstrap, **_PRODUCER})
    maker = Maker(plan)
    before = sum(servers.end_offsets(topic))
    count = 0
    for count, event in enumerate(events, 1):
        record: dict[str, Any] = {"value": maker.value(event), "key": maker.key(event), "headers": maker.headers(event)}
        while True:
            try:
                producer.produce(topic, **record, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        if count % _POLL_EVERY == 0:
            producer.poll(0)
    producer.flush()
    written = sum(servers.end_offsets(topic)) - before
    if failures or written != count:
        raise RuntimeError(f"{written} of {count} notifications written to {topic}: {failures[:1]}")
