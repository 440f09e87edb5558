"""RabbitMQ away, killed bridges, queues that go deaf: nothing that was in a durable queue is missing afterwards."""

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.bridge.rig import SOURCES, Rig, notifications
from tests.services import kafka, rabbitmq
from tests.services.testing import Cloud, Servers, Topics
from tests.support.process import wait_until

# Looks for slow consumers every second instead of every minute.
TICK = "[{rabbit, [{channel_tick_interval, 1000}]}]."


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.Node]:
    conf = {"consumer_timeout": "4000"}
    with rabbitmq.Node(tmp_path_factory.mktemp("rabbitmq"), conf=conf, advanced=TICK) as started:
        yield started


@pytest.fixture
def own(tmp_path: Path, node: rabbitmq.Node, servers: Servers, topics: Topics) -> Rig:
    """A RabbitMQ of this module's own, with the Kafka of all tests."""
    cloud = Cloud(node.transport_url, topics.prefix, topics.prefix, node.api_url)
    rig = Rig(tmp_path, servers.kafka, cloud, topics)
    rig.make_topics()
    rig.declare_as_nova()
    return rig


def options(source: str) -> dict[str, object]:
    return {"source": source, "oslo_messaging_rabbit": {"amqp_durable_queues": True} if source == "oslo" else {}}


@pytest.mark.parametrize("source", SOURCES)
def test_a_killed_bridge_misses_nothing(rig: Rig, source: str) -> None:
    sent = notifications(3000)
    rig.publish([body for _, body in sent])
    for _ in range(3):
        with rig.bridge(**options(source), prefetch=20) as bridge:
            bridge.process.send_signal(signal.SIGSTOP)  # so that what is in flight can be counted
            wait_until(lambda: rig.unacknowledged() > 0, "messages in flight")
            bridge.kill()
    with rig.bridge(**options(source)):
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_rabbitmq_restarts(own: Rig, node: rabbitmq.Node, source: str, how: str) -> None:
    rig, sent = own, notifications(600)
    with rig.bridge(**options(source)) as bridge:
        rig.publish([body for _, body in sent[:300]])
        node.kill() if how == "kill" else node.stop()
        node.start()
        rig.publish([body for _, body in sent[300:]])
        rig.wait_forwarded([message_id for message_id, _ in sent], 90)
        rig.wait_empty()
        if source == "rabbit":
            assert bridge.events("bridge.source_lost")
            assert len(bridge.events("bridge.consuming")) > 1
        assert bridge.stop() == 0


def test_kafka_away_stays_far_from_the_consumer_timeout(own: Rig, tmp_path: Path) -> None:
    with kafka.Node(tmp_path / "kafka") as broker:
        rig, sent = replace(own, kafka=broker.bootstrap_servers), notifications(200)
        rig.make_topics()
        with rig.bridge(hold="2s", prefetch=50) as bridge:
            broker.pause()
            rig.publish([body for _, body in sent])
            time.sleep(12)  # three times the consumer_timeout
            broker.resume()
            rig.wait_forwarded([message_id for message_id, _ in sent])
            rig.wait_empty()
            assert not bridge.events("bridge.source_lost")
            # Once; a broker that wakes from a long pause may take so long over its first records that it is twice.
            assert 1 <= len(bridge.events("bridge.given_back")) <= 2


def test_a_deaf_pool_is_bound_again(rig: Rig) -> None:
    shared = "versioned_notifications.info"
    sent = notifications(20)
    with rig.bridge(pool="mine") as bridge:
        rig.publish([body for _, body in sent[:10]], routing_key=shared)
        rig.wait_forwarded([message_id for message_id, _ in sent[:10]])
        with rig.channel() as channel:
            channel.exchange_delete(rig.cloud.exchange)
            wait_until(lambda: not bridge.ready()[0], "the bridge to see that the exchange is gone", 15)
            assert "exchange" in bridge.ready()[1]
            channel.exchange_declare(rig.cloud.exchange, "topic", durable=True)
        began = time.monotonic()
        bridge.wait_ready(15)
        assert time.monotonic() - began < 15
        rig.publish([body for _, body in sent[10:]], routing_key=shared)
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty("mine")


def test_a_queue_that_is_removed_is_waited_for(rig: Rig) -> None:
    sent = notifications(10)
    with rig.bridge() as bridge:
        with rig.channel() as channel:
            channel.queue_delete(rig.queue)
        wait_until(lambda: not bridge.ready()[0], "the bridge to see that the queue is gone")
        rig.declare_as_nova()
        bridge.wait_ready()
        rig.publish([body for _, body in sent])
        rig.wait_forwarded([message_id for message_id, _ in sent])


def test_a_publisher_and_two_bridges_share_one_queue(rig: Rig) -> None:
    sent = notifications(1500)
    publisher = threading.Thread(target=rig.publish, args=([body for _, body in sent],))
    with rig.bridge(prefetch=20) as first, rig.bridge(prefetch=20) as second:
        publisher.start()
        publisher.join()
        counts = rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        shares = [each.metrics()['precache_bridge_forwarded_total{cloud="paris"}'] for each in (first, second)]
    assert sum(shares) == 1500
    assert min(shares) > 100
    assert set(counts.values()) == {1}
