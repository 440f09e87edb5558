"""RabbitMQ away, and Kafka for longer than RabbitMQ waits: nothing of a durable queue is missing afterwards."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.bridge.places import BROKERS, LASTING, NODES
from tests.integration.bridge.rig import SOURCES, TRANSIENT, QueueKind, Rig, notifications
from tests.services import kafka, rabbitmq
from tests.services.testing import Cloud, Servers, Topics
from tests.support.process import wait_until

CONSUMER_TIMEOUT_S = 3
# Looks for slow consumers every second instead of every minute.
TICK = "[{rabbit, [{channel_tick_interval, 1000}]}]."


@pytest.fixture(scope="module", params=BROKERS)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.Node]:
    conf = {"consumer_timeout": str(CONSUMER_TIMEOUT_S * 1_000)}
    with NODES[request.param](tmp_path_factory.mktemp("rabbitmq"), conf=conf, advanced=TICK) as started:
        yield started


Make = Callable[[QueueKind], Rig]


@pytest.fixture
def make_own(tmp_path: Path, node: rabbitmq.Node, servers: Servers, topics: Topics) -> Make:
    """Clouds on a RabbitMQ of this module's own, with the Kafka of all tests."""
    numbers = itertools.count()

    def make(kind: QueueKind) -> Rig:
        own = Topics(f"{topics.prefix}.{next(numbers)}")
        rig = Rig(tmp_path, servers.kafka, Cloud(node.transport_url, own.prefix, own.prefix, node.api_url), own, kind)
        rig.make_topics()
        rig.declare_as_nova()
        return rig

    return make


@pytest.mark.parametrize("lasting", LASTING)
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_rabbitmq_restarts(make_own: Make, node: rabbitmq.Node, how: str, lasting: QueueKind) -> None:
    rigs, sent = [make_own(lasting) for _ in SOURCES], notifications(600)
    with ExitStack() as stack:
        bridges = [
            stack.enter_context(rig.bridge(**rig.options(source))) for rig, source in zip(rigs, SOURCES, strict=True)
        ]
        for rig in rigs:
            rig.publish([body for _, body in sent[:300]])
        node.kill() if how == "kill" else node.stop()
        for bridge in bridges:
            wait_until(lambda bridge=bridge: not bridge.ready()[0], "the bridge to say that it is not ready")
        node.start()
        for rig in rigs:
            rig.publish([body for _, body in sent[300:]])
        for rig in rigs:
            rig.wait_forwarded([message_id for message_id, _ in sent], 90)
            rig.wait_empty()
        assert bridges[SOURCES.index("rabbit")].events("bridge.source_lost")
        assert len(bridges[SOURCES.index("rabbit")].events("bridge.consuming")) > 1
        for bridge in bridges:
            bridge.wait_ready()
        assert [bridge.stop() for bridge in bridges] == [0, 0]


def test_a_restart_takes_a_transient_queue_and_the_bridge_waits_for_nova_to_declare_it_again(
    make_own: Make, node: rabbitmq.Node
) -> None:
    rig, sent = make_own(TRANSIENT), notifications(20)
    rig.publish([body for _, body in sent[:10]])
    node.restart()
    with rig.start(rig.config(rig.paris())) as bridge:
        wait_until(lambda: "does not exist" in bridge.ready()[1], "the bridge to say what it waits for")
        rig.declare_as_nova()
        bridge.wait_ready()
        rig.publish([body for _, body in sent[10:]])
        counts = rig.wait_forwarded([message_id for message_id, _ in sent[10:]])
    assert counts.keys() == {message_id for message_id, _ in sent[10:]}, "what was in the queue is gone"


@pytest.mark.parametrize("lasting", LASTING)
def test_kafka_away_stays_far_from_the_consumer_timeout(make_own: Make, tmp_path: Path, lasting: QueueKind) -> None:
    with kafka.Node(tmp_path / "kafka") as broker:
        rig, sent = replace(make_own(lasting), kafka=broker.bootstrap_servers), notifications(200)
        rig.make_topics()
        with rig.bridge(hold="1s", prefetch=50) as bridge:
            broker.pause()
            try:
                rig.publish([body for _, body in sent])
                time.sleep(2.5 * CONSUMER_TIMEOUT_S)
            finally:
                broker.resume()
            rig.wait_forwarded([message_id for message_id, _ in sent])
            rig.wait_empty()
            assert not bridge.events("bridge.source_lost")
            # Once; a broker that wakes from a long pause may take that long over its first records that it is twice.
            assert 1 <= len(bridge.events("bridge.requeued")) <= 2
