"""What a cloud's worker does over time: its heartbeats, and what it says of its readiness."""

from collections.abc import Callable
from typing import Any, cast

import orjson
import pytest
import structlog
from confluent_kafka import KafkaError, Producer

from bridge.decode.message import Decoder, Route
from bridge.delivery.breaker import Breaker, BreakerLimits
from bridge.delivery.dead_letters import Letters
from bridge.delivery.forwarder import Forwarder
from bridge.delivery.producer import CloudProducer
from bridge.metrics import CloudMetrics
from bridge.source.api import SourceLost, SourceWaiting
from bridge.worker import CloudSettings, Worker
from precache.contract.topics import BRIDGE_TYPE
from precache.kafka.connection import Connection
from precache.runtime.health import Health
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from tests.support.poisons import envelope, progress
from tests.unit.bridge.fakes import Clock, FakeProducer, FakeSource

TOPIC = "nova.notifications"
START_S = Clock.now


class Bench:
    """A worker that runs until its clock stands at ``until_s``; ``at`` has things to do on the way, by second."""

    def __init__(self, script: Callable[[str, int], str] = lambda _topic, _attempt: "", hold_s: float = 30.0) -> None:
        self.clock, self.stop, self.health = Clock(), Stop(), Health()
        self.script = script
        self.at: dict[float, Callable[[], object]] = {}
        self.until_s = 310.0
        self.made: list[FakeProducer] = []
        self.heartbeats: list[tuple[int, str]] = []
        self.ready: list[tuple[int, bool]] = []
        self.why: list[str] = []
        self.source = FakeSource(self.clock, self._tick)
        self.connection = Connection("unit", self.clock)
        self.producer = CloudProducer(self._make, self._make, self.connection)
        metrics = CloudMetrics("unit")
        self.breaker = Breaker("paris", BreakerLimits(minimum=10, pause_s=60.0))
        letters = Letters("dead", "paris", "queue", self.source.properties)
        decoder = Decoder("paris", [Route(TOPIC, ("*",))])
        self.worker = Worker(
            settings=CloudSettings("paris", "paris-1", TOPIC, hold_s, 1.0, 30.0, 10.0),
            source=self.source,
            forwarder=Forwarder("paris", decoder, letters, self.producer, metrics, self.breaker),
            breaker=self.breaker,
            producer=self.producer,
            metrics=metrics,
            health=self.health,
            stop=self.stop,
            watched=Watched("cloud:paris"),
            clock=self.clock,
        )

    def _make(self) -> Producer:
        self.made.append(FakeProducer(self.script, []))
        return cast("Producer", self.made[-1])

    @property
    def now_s(self) -> float:
        return self.clock.now - START_S

    def _tick(self) -> None:
        for due_s in [each for each in self.at if each <= self.now_s]:
            self.at.pop(due_s)()
        self._look()
        if self.now_s >= self.until_s:
            self.stop.request("the test has ended")

    def _look(self) -> None:
        part = self.health.report()["parts"]["cloud:paris"]
        if not self.ready or self.ready[-1][1] != part["ready"]:
            self.ready.append((round(self.now_s), part["ready"]))
        if part["why"] not in self.why:
            self.why.append(part["why"])
        self._note_heartbeats()

    def _note_heartbeats(self) -> None:
        for producer in self.made:
            sent, producer.values = producer.values, []
            heartbeats = [heartbeat for heartbeat in map(_json, sent) if heartbeat["event_type"] == BRIDGE_TYPE]
            self.heartbeats += [(round(self.now_s), heartbeat["state"]) for heartbeat in heartbeats]

    def run(self) -> list[tuple[int, str]]:
        self.worker.run()
        self._note_heartbeats()
        return self.heartbeats


def _json(value: bytes) -> dict[str, Any]:
    return dict(orjson.loads(value))


EVERY_MINUTE = [(0, "starting"), *((minute * 60, "running") for minute in range(1, 6)), (310, "stopping")]


@pytest.mark.parametrize("body", [b"", envelope(progress())])
def test_a_heartbeat_comes_every_minute_whether_messages_flow_or_not(body: bytes) -> None:
    bench = Bench()
    bench.source.body = body
    assert bench.run() == EVERY_MINUTE
    assert bool(bench.source.acked) == bool(body)


def test_heartbeats_go_on_while_there_is_no_queue() -> None:
    bench = Bench()
    bench.source.opening = SourceWaiting("no queue yet")
    with structlog.testing.capture_logs() as events:
        assert bench.run() == [*((minute * 60, "starting") for minute in range(6)), (310, "stopping")]
    assert bench.why == ["starting", "no queue yet"]
    lost = [event["why"] for event in events if event["event"] == "bridge.source_lost"]
    assert lost == ["no queue yet"] * 6, "it is looked for every three seconds, and told once a minute"


def test_before_it_reads_again_it_says_so() -> None:
    bench = Bench()
    bench.until_s = 150.0
    bench.at[100.0] = lambda: setattr(bench.source, "lost", SourceLost("gone"))
    heartbeats = bench.run()
    assert [state for _, state in heartbeats] == ["starting", "running", "resuming", "stopping"]
    assert 100 <= heartbeats[2][0] <= 101
    assert "gone" in bench.why
    assert bench.ready[-1][1]


def test_a_sign_that_kafka_refuses_is_sent_again_soon_and_reported_meanwhile() -> None:
    bench = Bench(lambda _topic, attempt: "TOPIC_AUTHORIZATION_FAILED" if attempt in {1, 2, 3} else "")
    bench.until_s = 150.0
    heartbeats = bench.run()
    assert heartbeats == [(0, "starting"), *((at, "running") for at in (60, 65, 70, 75, 135)), (150, "stopping")]
    assert bench.ready == [(0, False), (0, True), (60, False), (75, True)]
    assert "kafka-acls.sh" in bench.why[2]


def test_a_sign_that_kafka_does_not_confirm_is_reported_after_ten_seconds() -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "")
    bench.until_s = 200.0
    assert bench.run()[:2] == [(0, "starting"), (60, "running")]
    assert bench.heartbeats[2:] == [(200, "stopping")], "none is sent while one waits"
    assert bench.ready == [(0, False), (0, True), (70, False)]
    assert bench.why[2] == "Kafka does not confirm what it was sent: no answer"


@pytest.mark.parametrize(("taken", "text"), [(0, "does not take records"), (1, "does not confirm what it was sent")])
def test_refused_credentials_are_named_where_records_only_wait(taken: int, text: str) -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt >= taken else "")
    bench.until_s = 80.0
    refused = KafkaError(KafkaError._AUTHENTICATION, "wrong password")
    bench.at[5.0] = lambda: bench.connection.on_error(refused)
    bench.run()
    assert bench.why[-1].startswith(f"Kafka {text}: produce: wrong password: check sasl.mechanism")
    assert not bench.ready[-1][1]


def test_a_producer_that_breaks_while_nothing_flows_is_replaced() -> None:
    bench = Bench()
    bench.at[100.0] = lambda: setattr(bench.made[0], "fatal", True)
    assert bench.run() == EVERY_MINUTE
    assert len(bench.made) == 2
    assert bench.made[1].sent == [TOPIC] * 5


BIG = envelope(progress() | {"_context_auth_token": "x" * 1_000_000})


def test_what_fills_the_memory_is_requeued_before_its_time() -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "")
    bench.until_s = 20.0
    bench.source.body = BIG
    with structlog.testing.capture_logs() as events:
        bench.run()
    (requeued,) = [event for event in events if event["event"] == "bridge.requeued"]
    assert 10 <= requeued["held_s"] < 11, "hold is 30 s here"
    assert bench.source.released == 1


@pytest.mark.parametrize(("hold_s", "held_s"), [(30.0, 10.0), (6.0, 6.0)])
def test_what_fills_the_memory_is_never_held_for_longer_than_else(hold_s: float, held_s: float) -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "", hold_s=hold_s)
    bench.until_s = 20.0
    bench.source.body = BIG
    with structlog.testing.capture_logs() as events:
        bench.run()
    requeued = [event for event in events if event["event"] == "bridge.requeued"]
    assert held_s <= requeued[0]["held_s"] < held_s + 1


@pytest.mark.parametrize("until_s", [2.0, 4.0])
def test_the_memory_stays_bounded_while_it_stops(until_s: float) -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "")
    bench.until_s = until_s
    bench.source.body = BIG
    bench.source.trickles = bench.source.answers_cancel = False
    bench.run()
    assert bench.source.throttled
    assert 30 <= bench.source.taken <= 35, "of 1 MB each; 32 MiB may be in flight"


def test_what_was_refused_once_is_not_reported_for_ever() -> None:
    bench = Bench(lambda _topic, attempt: {0: "", 1: "TOPIC_AUTHORIZATION_FAILED", 2: ""}.get(attempt, "?"))
    bench.until_s = 160.0
    bench.run()
    assert bench.why[2].startswith("Kafka does not confirm what it was sent: produce: ")
    assert bench.why[-1] == "Kafka does not confirm what it was sent: no answer"


def test_a_refusal_of_credentials_is_reported_before_an_older_one() -> None:
    bench = Bench(lambda _topic, attempt: "" if attempt == 0 and len(bench.made) == 1 else "?")
    bench.source.body = envelope(progress())
    bench.until_s = 28.0
    bench.at[1.0] = lambda: setattr(bench.made[0], "fatal", True)
    refused = KafkaError(KafkaError._AUTHENTICATION, "wrong password")
    bench.at[5.0] = lambda: bench.connection.on_error(refused)
    bench.run()
    assert any("wrong password" in why for why in bench.why)


def test_a_sign_that_went_with_its_producer_is_sent_again() -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "")
    bench.until_s = 80.0
    bench.at[62.0] = lambda: setattr(bench.made[0], "mute", True)
    bench.at[63.0] = lambda: setattr(bench.made[0], "fatal", True)
    bench.run()
    assert len(bench.made) == 2
    assert bench.heartbeats == [(0, "starting"), (60, "running"), (65, "running"), (80, "stopping")]


@pytest.mark.parametrize("since_s", [1.0, 10.0])
def test_what_kafka_owes_when_rabbitmq_is_lost_is_dropped_and_shows_kafka(since_s: float) -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "")
    bench.until_s = 30.0 + since_s
    bench.at[20.0] = lambda: setattr(bench.source, "body", envelope(progress()))
    bench.at[20.0 + since_s] = lambda: setattr(bench.source, "lost", SourceLost("gone"))
    bench.at[21.0 + since_s] = lambda: setattr(bench.source, "body", b"")
    bench.run()
    assert len(bench.made[0].sent) > 2
    assert len(bench.made[0].undecided) <= 3, "only heartbeats"
    assert sum(len(producer.sent) for producer in bench.made[1:]) == 1, "the oldest record"


@pytest.mark.parametrize(("saturated_at", "longest_s"), [(1, 0.02), (10_000, 0.0)])
def test_once_rabbitmq_waits_for_acknowledgements_kafka_is_waited_for(saturated_at: int, longest_s: float) -> None:
    bench = Bench(lambda _topic, attempt: "?" if attempt else "")
    bench.source.saturated_at = saturated_at
    bench.until_s = 5.0
    bench.at[1.0] = lambda: setattr(bench.source, "body", envelope(progress()))
    bench.at[2.0] = lambda: setattr(bench.source, "body", b"")
    bench.run()
    assert max(bench.made[0].polled) == longest_s


def test_a_source_that_is_open_and_receives_nothing_is_reported_once_and_so_is_its_recovery() -> None:
    bench = Bench()
    bench.until_s = 40.0
    bench.at[10.0] = lambda: setattr(bench.source, "trouble", "the exchange is gone")
    bench.at[20.0] = lambda: setattr(bench.source, "trouble", "")
    with structlog.testing.capture_logs() as events:
        bench.run()
    told = [event["event"] for event in events if event["event"].startswith("bridge.binding_")]
    assert told == ["bridge.binding_lost", "bridge.binding_restored"]
    assert [ready for _, ready in bench.ready] == [False, True, False, True]


UNREADABLE = b'{"event_type": "whatever"}'


def test_a_cloud_whose_messages_can_not_be_read_is_stopped_and_tried_again() -> None:
    bench = Bench()
    bench.source.body = UNREADABLE
    bench.until_s = 250.0
    bench.at[150.0] = lambda: setattr(bench.source, "body", envelope(progress()))
    with structlog.testing.capture_logs() as events:
        bench.run()
    dead = sum(producer.sent.count("dead") for producer in bench.made)
    assert dead == 9 + 2, "then one after each pause"
    told = [event["event"] for event in events if event["event"].startswith("bridge.breaker_")]
    assert told == ["bridge.breaker_open", "bridge.breaker_closed"]
    (requeued,) = [event["messages"] for event in events if event["event"] == "bridge.requeued"]
    assert requeued == 1, "the others were never taken, and a probe gives nothing back"
    assert [ready for _, ready in bench.ready] == [False, True, False, True]
    assert 180 <= bench.ready[-1][0] <= 190
    assert {state for at, state in bench.heartbeats if 2 < at < 180} == {"resuming"}


def test_a_stop_while_the_breaker_is_open_ends_at_once() -> None:
    bench = Bench()
    bench.source.body = UNREADABLE
    bench.until_s = 20.0
    bench.run()
    assert bench.why[-1].startswith("stopped: 10 of the last 10 messages can't be read")
    assert bench.heartbeats[-1] == (20, "stopping")


def test_what_was_sent_is_waited_for_before_the_rest_is_requeued() -> None:
    bench = Bench(lambda topic, _attempt: "?" if topic == "dead" else "", hold_s=6.0)
    bench.source.body = UNREADABLE
    bench.until_s = 20.0
    with structlog.testing.capture_logs() as events:
        bench.run()
    (requeued,) = [event for event in events if event["event"] == "bridge.requeued"]
    assert requeued["messages"] == 10, "Kafka has not confirmed the dead letters"
    assert 6 <= requeued["held_s"] < 8
