"""When Kafka counts as proved, and what is sent until it is."""

from collections import Counter
from collections.abc import Callable
from typing import cast

import pytest
from confluent_kafka import Producer

from bridge.delivery.heartbeat import HeartbeatSender
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.probe import KafkaProbe
from bridge.delivery.producer import CloudProducer
from precache.kafka.connection import Connection
from tests.unit.bridge.fakes import Clock, FakeProducer

HEARTBEAT = "signs"
DEAD = "dead"
START_S = Clock.now


def record(topic: str) -> Record:
    return Record(topic, b"key", b"value", [])


class Bench:
    """A probe that gives up when its clock stands at ``until_s``."""

    def __init__(self, script: Callable[[str, int], str], until_s: float = 100.0) -> None:
        self.clock, self.script, self.until_s = Clock(), script, until_s
        self.sent: list[str] = []
        self.made: list[FakeProducer] = []
        self.unbatched: list[FakeProducer] = []
        self.producer = CloudProducer(
            lambda: self._make(self.made), lambda: self._make(self.unbatched), Connection("unit")
        )
        self.heartbeats = HeartbeatSender(self.producer, lambda _state, _in_flight: record(HEARTBEAT), self.clock)
        self.why: list[str] = []
        self.probe = KafkaProbe(
            "paris",
            self.producer,
            self.heartbeats,
            stopped=lambda: self.clock.now - START_S >= self.until_s,
            idle=self._idle,
            judged_later=lambda record: record.topic != DEAD,
            not_ready=self.why.append,
            clock=self.clock,
        )

    def _make(self, made: list[FakeProducer]) -> Producer:
        made.append(FakeProducer(self.script, self.sent))
        return cast("Producer", made[-1])

    def _idle(self, seconds: float) -> None:
        self.producer.poll()
        self.heartbeats.send_if_due()
        self.clock.now += seconds

    def run(self, *topics: str) -> bool:
        return self.probe.probe([record(topic) for topic in topics])


def test_it_is_probed_by_a_heartbeat_and_by_what_it_owes() -> None:
    bench = Bench(lambda _topic, _attempt: "")
    assert bench.run("a", "b")
    assert bench.made[0].sent == [HEARTBEAT]
    assert bench.unbatched[0].sent == ["a", "b"], "each in a batch of its own"


@pytest.mark.parametrize("silent", [HEARTBEAT, "a"])
def test_what_is_not_confirmed_shows_nothing(silent: str) -> None:
    bench = Bench(lambda topic, _attempt: "?" if topic == silent else "")
    assert not bench.run("a")
    assert bench.why[-1] == "Kafka does not take records: no answer"


@pytest.mark.parametrize("error", ["MSG_SIZE_TOO_LARGE", "!MSG_SIZE_TOO_LARGE", "INVALID_RECORD"])
def test_a_record_that_is_refused_for_good_does_not_hold_up_its_cloud(error: str) -> None:
    bench = Bench(lambda topic, _attempt: error if topic == "a" else "")
    assert bench.run("a", "b")
    assert Counter(bench.sent) == {HEARTBEAT: 1, "a": 1, "b": 1}


@pytest.mark.parametrize("refused", [HEARTBEAT, DEAD])
def test_what_has_to_be_taken_some_day_shows_nothing_when_it_is_refused_for_good(refused: str) -> None:
    bench = Bench(lambda topic, _attempt: "INVALID_RECORD" if topic == refused else "")
    assert not bench.run("a", DEAD)
    assert "INVALID_RECORD" in bench.why[-1]


def test_what_was_dropped_with_its_producer_shows_nothing() -> None:
    bench = Bench(lambda topic, attempt: "_PURGE_QUEUE" if topic == "a" and not attempt else "")
    assert bench.run("a")
    assert Counter(bench.sent) == {HEARTBEAT: 1, "a": 2}


def test_while_one_topic_is_away_the_others_get_nothing_again_but_a_sign_each_minute() -> None:
    bench = Bench(lambda topic, _attempt: "UNKNOWN_TOPIC_OR_PART" if topic == "b" else "", until_s=600.0)
    assert not bench.run("a", "b")
    sent = Counter(bench.sent)
    assert sent["b"] > 10
    assert sent["a"] == 1
    assert 9 <= sent[HEARTBEAT] <= 11
