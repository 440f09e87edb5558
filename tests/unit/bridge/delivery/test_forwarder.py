"""What becomes of messages by what Kafka says of their records."""

import zlib
from collections.abc import Callable
from typing import Any, cast

import pytest
import structlog
from confluent_kafka import Producer

from bridge.decode.message import Decoder, Route
from bridge.decode.poison import Poison
from bridge.delivery.breaker import Breaker, BreakerLimits
from bridge.delivery.dead_letters import Letters
from bridge.delivery.forwarder import Forwarder
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.in_flight import InFlight
from bridge.delivery.producer import CloudProducer
from bridge.metrics import CloudMetrics
from bridge.source.api import Delivery
from precache.kafka.connection import Connection
from tests.support.poisons import envelope, progress
from tests.unit.bridge.fakes import FakeProducer

DEAD = "dead"
LATER = 1_000_000.0


class CountingLetters(Letters):
    made = 0

    def letter(self, delivery: Delivery, poison: Poison) -> Record:
        self.made += 1
        return super().letter(delivery, poison)


class Bench:
    def __init__(
        self,
        script: Callable[[str, int], str],
        *topics: str,
        clock: Callable[[], float] = lambda: 0.0,
        properties: dict[str, Any] | None = None,
    ) -> None:
        self.made: list[FakeProducer] = []
        self.sent: list[str] = []
        self.script = script
        self.producer = CloudProducer(self._make, self._make, Connection("unit"))
        self.in_flight = InFlight()
        routes = [Route(topic, ("*",)) for topic in topics or ("a",)]
        self.letters = CountingLetters(DEAD, "paris", "queue", lambda _: properties or {})
        decoder = Decoder("paris", routes, lambda _: properties or {})
        self.breaker = Breaker("paris", BreakerLimits())
        metrics = CloudMetrics("unit")
        self.forwarder = Forwarder("paris", decoder, self.letters, self.producer, metrics, self.breaker, clock=clock)

    def _make(self) -> Producer:
        self.made.append(FakeProducer(self.script, self.sent))
        return cast("Producer", self.made[-1])

    def take(self, *bodies: bytes) -> None:
        deliveries = [Delivery(tag, body, b"") for tag, body in enumerate(bodies, 1)]
        self.forwarder.take(self.in_flight, deliveries, 0.0)

    def take_waiting(self) -> list[str]:
        """Take what was left for later; return the topics of the records that this made."""
        before = len(self.sent)
        self.forwarder.take(self.in_flight, self.in_flight.take_waiting(), 0.0)
        self.rounds(1)
        return self.sent[before:]

    def rounds(self, count: int = 12) -> list[str]:
        """Poll and settle as often; return the topics of all records sent."""
        for number in range(count):
            self.producer.poll()
            self.forwarder.settle(self.in_flight, LATER * (number + 1))
        return self.sent


GOOD = envelope(progress())
SLOW_S = 1.0


class Clock:
    """Each look at it costs as long as it says."""

    def __init__(self, look_s: float) -> None:
        self.look_s, self.now_s = look_s, 0.0

    def __call__(self) -> float:
        self.now_s += self.look_s
        return self.now_s


def test_what_there_is_no_time_for_is_left_for_the_next_round_and_counted_in_the_memory() -> None:
    bench = Bench(lambda _topic, _attempt: "", clock=Clock(SLOW_S))
    bench.take(GOOD, b"not json", GOOD)
    in_flight, size = bench.in_flight, len(GOOD)
    assert (bench.rounds(1), in_flight.unsettled, in_flight.waiting, in_flight.take_prefix()) == (["a"], 0, 2, 1)
    assert in_flight.bytes == size + len(b"not json")
    assert in_flight.head_age_s(5.0) == 0, "what waits does not make Kafka look slow"
    assert bench.take_waiting() == [DEAD]
    assert bench.take_waiting() == ["a"]
    assert (in_flight.unsettled, in_flight.waiting, in_flight.take_prefix(), in_flight.bytes) == (0, 0, 3, 0)


def test_where_there_is_time_all_are_taken() -> None:
    bench = Bench(lambda _topic, _attempt: "", clock=Clock(0.0))
    bench.take(*[GOOD] * 100)
    assert (bench.in_flight.waiting, len(bench.rounds(1))) == (0, 100)


def test_what_is_sent_again_goes_over_rounds_if_it_takes_long() -> None:
    bench = Bench(lambda topic, _attempt: "!MSG_SIZE_TOO_LARGE" if topic == "a" else "", clock=Clock(0.0))
    bench.take(*[GOOD] * 3)
    bench.forwarder._clock = Clock(SLOW_S)
    assert [bench.rounds(1).count(DEAD) for _ in range(4)] == [1, 2, 3, 3]
    assert bench.in_flight.unsettled == 0


def test_a_record_that_is_larger_than_its_body_counts_as_it_is() -> None:
    packed = zlib.compress(GOOD.replace(b"guaranine", b"g" * 100_000))
    bench = Bench(lambda _topic, _attempt: "?", properties={"headers": {"compression": "gzip"}})
    bench.take(packed)
    assert len(packed) < 10_000
    assert bench.in_flight.bytes > 100_000
    bench.made[0].script = lambda _topic, _attempt: ""
    for report in bench.made[0].undecided:
        report(None, None)
    bench.forwarder.settle(bench.in_flight, 0.0)
    assert bench.in_flight.bytes == 0


def test_what_is_requeued_is_probed_by_one_dead_letter_and_decoded_no_further() -> None:
    bench = Bench(lambda _topic, _attempt: "?")
    bench.take(b"not json", GOOD, *[b"not json"] * 10)
    made = bench.letters.made
    assert [record.topic for record in bench.forwarder.canaries(bench.in_flight)] == [DEAD, "a"]
    assert bench.letters.made == made + 1


def test_what_kafka_confirms_is_settled() -> None:
    bench = Bench(lambda _topic, _attempt: "")
    bench.take(GOOD, GOOD)
    assert bench.in_flight.unsettled == 2
    assert bench.rounds() == ["a", "a"]
    assert bench.in_flight.take_prefix() == 2
    assert (bench.in_flight.unsettled, bench.in_flight.bytes, bench.in_flight.pending) == (0, 0, {})


@pytest.mark.parametrize(
    "error", ["_MSG_TIMED_OUT", "TOPIC_AUTHORIZATION_FAILED", "NOT_ENOUGH_REPLICAS", "!_QUEUE_FULL"]
)
def test_what_may_pass_is_sent_again_until_it_does(error: str) -> None:
    bench = Bench(lambda _topic, attempt: error if attempt < 2 else "")
    bench.take(GOOD)
    assert bench.rounds() == ["a"] * 3
    assert bench.in_flight.unsettled == 0


def test_what_is_refused_at_once_is_a_dead_letter() -> None:
    bench = Bench(lambda topic, _attempt: "!MSG_SIZE_TOO_LARGE" if topic == "a" else "")
    bench.take(GOOD)
    assert bench.rounds() == ["a", DEAD]
    assert bench.in_flight.unsettled == 0


def test_what_is_refused_in_a_batch_is_tried_alone_first() -> None:
    bench = Bench(lambda topic, attempt: "MSG_SIZE_TOO_LARGE" if topic == "a" and attempt == 0 else "")
    bench.take(GOOD)
    assert bench.rounds() == ["a", "a"]
    assert [producer.sent for producer in bench.made] == [["a"], ["a"]], "the second one sends each record by itself"
    assert bench.in_flight.unsettled == 0


def test_what_is_refused_alone_is_a_dead_letter() -> None:
    bench = Bench(lambda topic, _attempt: "MSG_SIZE_TOO_LARGE" if topic == "a" else "")
    bench.take(GOOD)
    assert sorted(bench.rounds()) == ["a", "a", DEAD]
    assert bench.in_flight.unsettled == 0


def test_a_dead_letter_is_sent_until_it_is_there() -> None:
    bench = Bench(lambda topic, attempt: "MSG_SIZE_TOO_LARGE" if topic == DEAD and attempt < 3 else "")
    bench.take(b"not json", GOOD)
    bench.rounds(1)
    assert bench.in_flight.unsettled == 1
    assert bench.rounds().count(DEAD) == 4
    assert bench.in_flight.unsettled == 0


def test_a_message_is_settled_only_when_every_topic_has_it() -> None:
    bench = Bench(lambda topic, attempt: "_MSG_TIMED_OUT" if topic == "b" and attempt < 2 else "", "a", "b")
    bench.take(GOOD)
    bench.rounds(1)
    assert bench.in_flight.unsettled == 1
    assert bench.rounds() == ["a", "b", "b", "b"]
    assert bench.in_flight.unsettled == 0


@pytest.mark.parametrize("error", ["!MSG_SIZE_TOO_LARGE", "MSG_SIZE_TOO_LARGE"])
def test_two_topics_that_refuse_a_message_make_one_dead_letter(error: str) -> None:
    bench = Bench(lambda topic, _attempt: "" if topic == DEAD else error, "a", "b")
    bench.take(GOOD)
    assert bench.rounds().count(DEAD) == 1
    assert bench.in_flight.unsettled == 0


@pytest.mark.parametrize("error", ["_FENCED", "OUT_OF_ORDER_SEQUENCE_NUMBER"])
def test_a_producer_with_a_fatal_error_is_replaced_and_all_is_sent_again(error: str) -> None:
    bench = Bench(lambda _topic, attempt: ("?", error, "?")[attempt] if attempt < 3 else "")
    bench.take(GOOD, GOOD, GOOD)  # one report comes; the two others are still out when the producer is dropped
    bench.producer.poll()
    bench.forwarder.settle(bench.in_flight, 0.0)
    bench.rounds()
    assert len(bench.made) == 2
    assert bench.made[1].sent == ["a"] * 3
    assert bench.in_flight.unsettled == 0


@pytest.mark.parametrize("bodies", [(), (GOOD, GOOD)])
def test_a_producer_that_breaks_while_it_is_polled_is_replaced(bodies: tuple[bytes, ...]) -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt < len(bodies) else "")
    if bodies:
        bench.take(*bodies)
    bench.made[0].fatal = True
    bench.rounds()
    assert len(bench.made) == 2
    assert bench.made[1].sent == ["a"] * len(bodies)
    assert bench.in_flight.unsettled == 0


@pytest.mark.parametrize("error", ["_FATAL", "_FENCED"])
def test_what_a_replaced_producer_had_reported_does_not_condemn_the_new_one(error: str) -> None:
    bench = Bench(lambda _topic, attempt: error if attempt < 3 else "")
    bench.take(GOOD, GOOD, GOOD)
    waiting = bench.made[0].waiting
    bench.made[0].waiting = waiting[:1]
    bench.producer.poll()
    bench.made[0].waiting = waiting[1:]  # decided by the old producer, and handed out only when it is replaced
    bench.forwarder.settle(bench.in_flight, 0.0)
    bench.rounds()
    assert len(bench.made) == 2
    assert bench.made[1].sent == ["a"] * 3
    assert bench.in_flight.unsettled == 0


def test_what_was_tried_alone_stays_alone_when_that_fails_in_passing() -> None:
    bench = Bench(lambda _topic, attempt: ("MSG_SIZE_TOO_LARGE", "_MSG_TIMED_OUT", "")[attempt])
    bench.take(GOOD)
    assert bench.rounds() == ["a"] * 3
    assert [producer.sent for producer in bench.made] == [["a"], ["a", "a"]]
    assert bench.in_flight.unsettled == 0


def test_producers_that_break_one_after_another_are_not_made_in_a_hurry() -> None:
    bench = Bench(lambda _topic, _attempt: "_FENCED")
    bench.take(GOOD)
    for tenth in range(50):
        bench.made[-1].fatal = True
        bench.producer.poll()
        bench.forwarder.settle(bench.in_flight, tenth / 10)
    assert 4 <= len(bench.made) <= 6
    assert bench.in_flight.unsettled == 1


def test_canaries_are_the_oldest_of_each_topic_and_key() -> None:
    bench = Bench(lambda _topic, _attempt: "_MSG_TIMED_OUT", "a", "b")
    bench.take(GOOD, GOOD, b"not json", b"not json either")
    assert [record.topic for record in bench.forwarder.canaries(bench.in_flight)] == ["a", "b", DEAD]


def test_a_topic_that_has_confirmed_a_message_gets_no_canary_of_it() -> None:
    bench = Bench(lambda topic, _attempt: "_MSG_TIMED_OUT" if topic == "b" else "", "a", "b")
    bench.take(GOOD)
    bench.rounds(1)
    assert [record.topic for record in bench.forwarder.canaries(bench.in_flight)] == ["b"]


@pytest.mark.parametrize(("topics", "canaries"), [(("a",), [DEAD]), (("a", "b"), ["b", DEAD])])
def test_what_kafka_refused_for_good_is_no_canary_but_its_dead_letter_is(
    topics: tuple[str, ...], canaries: list[str]
) -> None:
    bench = Bench(lambda topic, _attempt: "!MSG_SIZE_TOO_LARGE" if topic == "a" else "?", *topics)
    bench.take(GOOD)
    assert [record.topic for record in bench.forwarder.canaries(bench.in_flight)] == canaries


def test_a_failure_of_the_decoder_itself_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Decoder, "decode", fail)
    bench = Bench(lambda _topic, _attempt: "")
    bench.take(GOOD)
    assert bench.rounds() == [DEAD]
    assert bench.in_flight.unsettled == 0


def test_where_the_decoder_failed_is_logged_once_and_nothing_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr(Decoder, "decode", fail)
    bench = Bench(lambda _topic, _attempt: "")
    with structlog.testing.capture_logs() as events:
        bench.take(*[GOOD] * 10)
    (event,) = [event for event in events if event["event"] == "bridge.decode_failed"]
    assert "in fail" in event["exception"]
    assert event["exception"].endswith("KeyError")
    assert "hunter2" not in event["exception"].replace('raise KeyError("hunter2")', "")


def test_what_is_left_when_the_breaker_opens_is_neither_sent_nor_settled() -> None:
    bench = Bench(lambda _topic, _attempt: "")
    bench.take(*[GOOD] * 3, *[b"not json"] * 40, GOOD)
    assert bench.breaker.is_open
    bench.take(GOOD)
    bench.rounds()
    sent = bench.sent.count(DEAD)
    assert sent == 16, "one more would be 17 of 20"
    assert bench.sent.count("a") == 3
    assert bench.in_flight.unsettled == 44 - 3 - sent
    assert bench.in_flight.pending == {}


@pytest.mark.parametrize("unwanted", [0, 5])
def test_only_what_is_wanted_is_counted(unwanted: int) -> None:
    bench = Bench(lambda _topic, _attempt: "")
    other = envelope(progress() | {"event_type": "instance.update"})
    bench.forwarder._records._decoder = Decoder("paris", [Route("a", ("aggregate.*",))])
    bench.take(*([other] * unwanted + [b"not json"] + [GOOD]) * 30)
    assert not bench.breaker.is_open
    again = Bench(lambda _topic, _attempt: "")
    again.forwarder._records._decoder = bench.forwarder._records._decoder
    again.take(*([other] * unwanted + [b"not json"]) * 30)
    assert again.breaker.is_open


@pytest.mark.parametrize(("error", "topics"), [("!MSG_SIZE_TOO_LARGE", b"a,b"), ("MSG_SIZE_TOO_LARGE", b"a")])
def test_a_dead_letter_names_the_topics_that_had_not_taken_the_message(error: str, topics: bytes) -> None:
    """Refused before anything was sent, or in answer to it, when the other topic had taken it."""
    bench = Bench(lambda topic, _attempt: error if topic == "a" else "", "a", "b")
    bench.take(GOOD)
    message = bench.in_flight.pending[1]
    while message.poison is None:
        bench.rounds(1)
    letter = bench.letters.letter(message.delivery, message.poison)
    assert dict(letter.headers)["precache_topics"] == topics
