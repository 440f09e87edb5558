"""Kafka away, in part or whole: nothing is dropped, and a message is requeued as rarely as can be."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.bridge.holding import HoldingProxy
from tests.faults.processor.proxy import Proxy
from tests.integration.bridge.rig import QUORUM, Rig, notifications
from tests.services import kafka
from tests.services.testing import Cloud, Topics
from tests.support.kafka import header
from tests.support.poisons import data, envelope, progress
from tests.support.process import Precache, comes_true, wait_until

# Bodies in flight, at most.
MAX_BYTES = 32 * 1024 * 1024
HOLD_S = 0.5
# With one give-back for each `hold`, the messages would have been dropped after the fourth.
OUTAGE_S = 6 * HOLD_S
# And once long enough for twenty.
LONG_OUTAGE_S = 20 * HOLD_S


# With it Kafka can be told to answer every question and refuse every record.
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="module")
def proxy() -> Iterator[HoldingProxy]:
    with HoldingProxy() as started:
        yield started


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, proxy: HoldingProxy) -> Iterator[kafka.Node]:
    folder = tmp_path_factory.mktemp("kafka")
    doors, advertised = {"PROXIED": "PLAINTEXT"}, {"PROXIED": proxy.address}
    with kafka.Node(folder, properties=AUTHORIZER, doors=doors, advertised=advertised) as started:
        proxy.target = started.door("PROXIED")
        yield started


@pytest.fixture
def quorum(tmp_path: Path, node: kafka.Node, cloud: Cloud) -> Rig:
    """A Kafka of this module's own, and a quorum queue that drops a message at its fourth return."""
    rig = Rig(tmp_path, node.bootstrap_servers, cloud, Topics(f"test-{uuid.uuid4().hex[:12]}"), QUORUM)
    rig.make_topics()
    rig.declare_as_nova()
    return rig


class Refusing:
    """Kafka says no to every record."""

    def __init__(self, rig: Rig, _proxy: HoldingProxy) -> None:
        self.rig = rig
        self.kafka = rig.kafka

    @contextmanager
    def lasting(self) -> Iterator[None]:
        with self.rig.refusing():
            yield


class Holding(Refusing):
    """Requests with records get no answer; all others do. So it is, too, with NOT_ENOUGH_REPLICAS: librdkafka tries
    again by itself, and reports nothing (a cluster of one broker never says it)."""

    def __init__(self, rig: Rig, proxy: HoldingProxy) -> None:
        super().__init__(rig, proxy)
        self.kafka, self.proxy = proxy.address, proxy

    @contextmanager
    def lasting(self) -> Iterator[None]:
        self.proxy.hold(on=True)
        try:
            yield
            assert self.proxy.held, "it was on the way"
        finally:
            self.proxy.hold(on=False)


class Cut(Holding):
    """There is no Kafka: connections are dropped at once."""

    @contextmanager
    def lasting(self) -> Iterator[None]:
        self.proxy.cut(on=True)
        try:
            yield
        finally:
            self.proxy.cut(on=False)


@pytest.mark.parametrize("kind", [Refusing, Holding])
def test_metadata_answers_but_no_record_is_taken(quorum: Rig, proxy: HoldingProxy, kind: type[Refusing]) -> None:
    error, sent = kind(quorum, proxy), notifications(300)
    rig = replace(quorum, kafka=error.kafka)
    with rig.bridge(hold=f"{HOLD_S}s", prefetch=100) as bridge:
        with error.lasting():
            rig.publish([body for _, body in sent])
            wait_until(lambda: bridge.events("bridge.requeued"), "the messages to be requeued", 30)
            ready, why = bridge.ready()
            assert not ready
            assert "Kafka" in why
            time.sleep(OUTAGE_S)
            # RabbitMQ's counts may be some seconds old.
            wait_until(lambda: rig.unacknowledged() == 0, "nothing to be taken while Kafka is not probed", 15)
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        bridge.wait_ready()
        assert len(bridge.events("bridge.requeued")) == 1
        probed = bridge.events("bridge.kafka_answers")
        assert all(bridge.events("bridge.consuming")[-1]["timestamp"] > event["timestamp"] for event in probed)
        # Where Kafka says nothing, that is reported after ten seconds only, and then that it has ended.
        assert probed or kind is Holding
        assert bridge.stop() == 0
    assert rig.dead() == []


def test_one_topic_refuses_while_the_heartbeats_get_through(quorum: Rig) -> None:
    rig, sent = quorum, notifications(30)
    other = f"{rig.topics.prefix}.all"
    rig.make_topics_named(other)
    with rig.bridge(hold=f"{HOLD_S}s", prefetch=100, forward={other: ["*"]}) as bridge:
        with rig.refusing(other):
            rig.publish([body for _, body in sent])
            wait_until(lambda: bridge.events("bridge.requeued"), "the messages to be requeued", 30)
            time.sleep(OUTAGE_S)
        rig.wait_forwarded([message_id for message_id, _ in sent], topic=other)
        rig.wait_empty()
        assert len(bridge.events("bridge.requeued")) == 1
    assert {header(record, "ce_id") for record in rig.records(other)} == {message_id for message_id, _ in sent}


def test_rabbitmq_is_lost_again_and_again_while_one_topic_refuses(quorum: Rig) -> None:
    """Each loss is a return, as the end of `hold` is: nothing is taken before Kafka has what it owes."""
    rig, sent = quorum, notifications(30)
    other = f"{rig.topics.prefix}.all"
    rig.make_topics_named(other)
    quick = {"rabbit_retry_interval": 1, "rabbit_interval_max": 1}
    url = urlsplit(rig.cloud.transport_url)
    with Proxy(f"http://{url.netloc.rpartition('@')[2]}") as network:
        door = url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@{urlsplit(network.url).netloc}").geturl()
        cloud = {"transport_url": door, "oslo_messaging_rabbit": quick, "hold": "60s", "forward": {other: ["*"]}}
        with rig.bridge(**cloud) as bridge:
            with rig.refusing(other):
                rig.publish([body for _, body in sent])
                for _ in range(6):
                    if not comes_true(lambda: rig.unacknowledged() > 0, 8.0):
                        break
                    network.cut()
                    wait_until(lambda: rig.unacknowledged() == 0, "RabbitMQ to have returned the messages")
                    network.fix()
                assert bridge.events("bridge.source_lost")
            rig.wait_forwarded([message_id for message_id, _ in sent], topic=other)
            rig.wait_empty()
    assert {header(record, "ce_id") for record in rig.records(other)} == {message_id for message_id, _ in sent}


def test_poison_waits_for_its_dead_letter(quorum: Rig) -> None:
    rig = quorum
    with rig.bridge(hold="60s") as bridge:
        with rig.refusing(rig.topics.deadletters):
            rig.publish([b"not json", envelope(progress())])
            rig.wait_forwarded([progress()["message_id"]])
            wait_until(lambda: rig.unacknowledged() == 1, "the poison alone to stay unacknowledged")
        rig.wait_dead(1)
        rig.wait_empty()
        assert bridge.stop() == 0


def test_a_short_refusal_gives_nothing_back(quorum: Rig) -> None:
    rig, sent = quorum, notifications(50)
    with rig.bridge(hold="30s") as bridge:
        with rig.refusing():
            rig.publish([body for _, body in sent])
            wait_until(lambda: bridge.events("bridge.kafka_refuses"), "Kafka to refuse them", 20)
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        assert not bridge.events("bridge.requeued")


def test_the_broker_is_gone_and_comes_back(quorum: Rig, proxy: HoldingProxy) -> None:
    error, sent = Cut(quorum, proxy), notifications(300)
    rig = replace(quorum, kafka=error.kafka)
    with rig.bridge(hold=f"{HOLD_S}s", prefetch=100) as bridge:
        rig.publish([body for _, body in sent[:100]])
        rig.wait_forwarded([message_id for message_id, _ in sent[:100]])
        with error.lasting():
            rig.publish([body for _, body in sent[100:]])
            wait_until(lambda: bridge.events("bridge.requeued"), "the messages to be requeued", 30)
            time.sleep(LONG_OUTAGE_S)
        rig.wait_forwarded([message_id for message_id, _ in sent], 90)
        rig.wait_empty()
        assert len(bridge.events("bridge.requeued")) == 1
        bridge.wait_ready()
        assert bridge.stop() == 0


def test_a_frozen_broker_keeps_the_promise_too(quorum: Rig, node: kafka.Node) -> None:
    rig, sent = quorum, notifications(200)
    with rig.bridge(hold=f"{HOLD_S}s", prefetch=100) as bridge:
        node.pause()
        try:
            rig.publish([body for _, body in sent])
            wait_until(lambda: bridge.events("bridge.requeued"), "the messages to be requeued", 30)
        finally:
            node.resume()
        rig.wait_forwarded([message_id for message_id, _ in sent], 90)
        rig.wait_empty()
        assert bridge.stop() == 0


@pytest.mark.parametrize("kind", [Refusing, Cut])
def test_a_stop_while_kafka_is_away_requeues_and_ends_in_time(
    quorum: Rig, proxy: HoldingProxy, kind: type[Refusing]
) -> None:
    error, sent = kind(quorum, proxy), notifications(50)
    rig = replace(quorum, kafka=error.kafka)
    with rig.start(rig.config(rig.paris(hold="60s"), shutdown_timeout="5s")) as bridge:
        bridge.wait_ready()
        with error.lasting():
            rig.publish([body for _, body in sent])
            wait_until(lambda: rig.unacknowledged() == 50, "the messages to be in flight")
            began = time.monotonic()
            assert bridge.stop() == 0
            assert time.monotonic() - began < 9, "shutdown_timeout, and what an interpreter takes to end"
            assert bridge.events("bridge.ended")[0]["hanging"] == []
            wait_until(lambda: rig.depth() == 50, "all to be in the queue again")
    with rig.bridge():
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()


@pytest.mark.parametrize("wait_s", [2.0, pytest.param(45.0, marks=pytest.mark.soak)])
def test_memory_stays_bounded_while_large_messages_wait(quorum: Rig, proxy: HoldingProxy, wait_s: float) -> None:
    """RabbitMQ would have the bridge take all of them; it drops a connection on which nothing moves for 30 s."""
    rig, count, size = replace(quorum, kafka=proxy.address), 120, 600_000
    message = progress()
    data(message)["images_cached"] = ["x" * size]
    large = envelope(message)
    with rig.bridge(hold="60s") as bridge:
        before = peak_mb(bridge)
        with Holding(quorum, proxy).lasting():
            rig.publish_fast(large, count, awaited=False)
            wait_until(lambda: in_flight_bytes(bridge) > MAX_BYTES, "as much to be in flight as may be")
            time.sleep(wait_s)
            held = in_flight_bytes(bridge)
        wait_until(lambda: forwarded(bridge) == count, "all to be forwarded", 60)
        grown = peak_mb(bridge) - before
        rig.wait_empty()
        assert not bridge.events("bridge.source_lost"), bridge.stderr
    print(f"of {count * len(large) >> 20} MB {held / 2**20:.0f} MB in flight, memory grown by {grown:.0f} MB")  # noqa: T201
    # One read, and what is read so that the connection lives.
    assert held < MAX_BYTES + 4 * size + 100_000 * (wait_s + 10)
    # The bodies, the records made of them, and batches on their way.
    assert grown < 120


def peak_mb(bridge: Precache) -> float:
    status = Path(f"/proc/{bridge.process.pid}/status").read_text()
    (peak,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    return peak / 1024


def in_flight_bytes(bridge: Precache) -> float:
    return bridge.metrics()['precache_bridge_in_flight_bytes{cloud="paris"}']


def forwarded(bridge: Precache) -> float:
    return bridge.metrics()['precache_bridge_forwarded_total{cloud="paris"}']


def test_only_what_is_too_large_by_itself_is_a_dead_letter(quorum: Rig) -> None:
    rig = quorum
    # A broker refuses a whole batch for its size; here no batch of these fits, but each record but one.
    small = f"{rig.topics.prefix}.small"
    rig.make_topics_named(small, partitions=1, **{"max.message.bytes": "3000"})
    sent = notifications(100)
    large = progress() | {"message_id": "large"}
    large["payload"]["nova_object.data"]["images_cached"] = [f"image-{number}-{number * 7919}" for number in range(900)]
    with rig.bridge(events=["none"], forward={small: ["*"]}):
        rig.publish([body for _, body in sent[:50]])
        rig.publish([envelope(large)])
        rig.publish([body for _, body in sent[50:]])
        (dead,) = rig.wait_dead(1)
        rig.wait_empty()
    assert header(dead, "precache_reason") == "too-large"
    assert {header(record, "ce_id") for record in rig.records(small)} == {message_id for message_id, _ in sent}
