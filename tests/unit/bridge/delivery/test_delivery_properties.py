"""Whatever Kafka answers, and in whatever order: each message is settled once, and not before Kafka has it."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st

from bridge.decode.message import Decoder, Route
from bridge.delivery.breaker import Breaker, BreakerLimits
from bridge.delivery.dead_letters import Letters
from bridge.delivery.forwarder import Forwarder
from bridge.delivery.in_flight import InFlight
from bridge.delivery.producer import CloudProducer
from bridge.metrics import CloudMetrics
from bridge.source.api import Delivery
from precache.kafka.connection import Connection
from tests.support.poisons import envelope, progress

DEAD = "dead"
TOPICS = ("a", "b", "c")
BODIES = {
    "good": envelope(progress()),
    "unwanted": envelope(progress() | {"event_type": "instance.update"}),
    "unreadable": b"not json",
}
ANSWERS = ("", "", "", "MSG_SIZE_TOO_LARGE", "_MSG_TIMED_OUT", "TOPIC_AUTHORIZATION_FAILED", "_FENCED")
METRICS = CloudMetrics("properties")
STEP_S = 10.0


class Kafka:
    """Answers each record as ``choose`` says, in the order that it says; keeps what it took of each message."""

    def __init__(self, choose: Callable[[tuple[Any, ...]], Any]) -> None:
        self.choose = choose
        self.healthy = False
        self.taken: Counter[tuple[int, str]] = Counter()
        self.owed: list[tuple[str, Any]] = []

    def produce(self, topic: str, _value: bytes, _key: bytes, *, on_delivery: Any, headers: Any) -> None:
        del headers
        local = "" if self.healthy else self.choose(("", "", "", "_QUEUE_FULL", "MSG_SIZE_TOO_LARGE"))
        if local:
            raise KafkaException(KafkaError(getattr(KafkaError, local)))
        self.owed.append((topic, on_delivery))

    def poll(self, _timeout_s: float) -> int:
        """Answer some of the records that wait, in any order."""
        rounds = len(self.owed) if self.healthy else self.choose(tuple(range(len(self.owed) + 1)))
        for _ in range(rounds):
            index = 0 if self.healthy else self.choose(tuple(range(len(self.owed))))
            self.answer(*self.owed.pop(index), "" if self.healthy else self.choose(ANSWERS))
        return 0

    def answer(self, topic: str, report: Any, name: str) -> None:
        if not name:
            self.taken[report.args[0].delivery.tag, topic] += 1
        report(KafkaError(getattr(KafkaError, name)) if name else None, None)

    def purge(self) -> None:
        owed, self.owed = self.owed, []
        for topic, report in owed:
            self.answer(topic, report, "_PURGE_QUEUE")

    def flush(self, _timeout_s: float) -> int:
        return 0


class Rig:
    """A forwarder between a queue and that Kafka."""

    def __init__(self, kafka: Kafka, topics: tuple[str, ...], look_s: float) -> None:
        self.kafka, self.topics, self.look_s = kafka, topics, look_s
        made = cast("Callable[[], Producer]", lambda: kafka)
        self.producer = CloudProducer(made, made, Connection("unit"))
        routes = [Route(topic, ("aggregate.*",)) for topic in topics]
        self.breaker = Breaker("paris", BreakerLimits(minimum=4, window=8))
        self.forwarder = Forwarder(
            "paris",
            Decoder("paris", routes),
            Letters(DEAD, "paris", "queue", lambda _: {}),
            self.producer,
            METRICS,
            self.breaker,
            clock=self._look,
        )
        self.in_flight = InFlight()
        self.kinds: dict[int, str] = {}
        self.settled: set[int] = set()
        self.now_s = 0.0

    def _look(self) -> float:
        """Each look at the clock takes time: with much of it, messages wait for the next round."""
        self.now_s += self.look_s
        return self.now_s

    def take(self, kinds: Sequence[str] = ()) -> None:
        if self.breaker.is_open:
            return
        first = len(self.kinds) + 1
        self.kinds |= dict(enumerate(kinds, first))
        new = [Delivery(tag, BODIES[kind], b"") for tag, kind in enumerate(kinds, first)]
        deliveries = [*self.in_flight.take_waiting(), *new]
        if deliveries:
            self.forwarder.take(self.in_flight, deliveries, self.now_s)

    def settle(self) -> None:
        self.producer.poll()
        self.forwarder.settle(self.in_flight, self.now_s)
        self.now_s += STEP_S
        acked = {*range(1, self.in_flight.take_prefix() + 1), *self.in_flight.take_singles()}
        for tag in acked - self.settled:
            assert self.kafka_has(tag), (tag, self.kinds[tag], self.kafka.taken)
        self.settled |= acked
        assert self.in_flight.unsettled + self.in_flight.waiting == len(self.kinds) - len(self.settled)

    def kafka_has(self, tag: int) -> bool:
        if self.kinds[tag] == "unwanted":
            return True
        forwarded = self.kinds[tag] == "good" and all(self.kafka.taken[tag, topic] for topic in self.topics)
        return forwarded or bool(self.kafka.taken[tag, DEAD])


@given(
    st.data(),
    st.integers(1, 3),
    st.sampled_from([0.0, 1.0]),
    st.lists(st.lists(st.sampled_from(sorted(BODIES)), min_size=1, max_size=6), min_size=1, max_size=4),
)
def test_each_message_is_settled_once_and_not_before_kafka_has_it(
    data: st.DataObject, topics: int, look_s: float, batches: list[list[str]]
) -> None:
    kafka = Kafka(lambda options: data.draw(st.sampled_from(options)))
    rig = Rig(kafka, TOPICS[:topics], look_s)
    with structlog.testing.capture_logs():
        for batch in batches:
            rig.take(batch)
            rig.settle()
        kafka.healthy = True
        for _ in range(60):
            rig.take()
            rig.settle()
    left = set(rig.kinds) - rig.settled
    assert not rig.in_flight.pending
    assert rig.breaker.is_open or not left
    assert not [key for key in kafka.taken if key[0] in left], "the breaker leaves them in the queue, and sends none"
    assert (rig.in_flight.bytes, rig.in_flight.retried) == (0, 0)
    assert max(kafka.taken.values(), default=1) == 1, "no record is sent again that Kafka has"
