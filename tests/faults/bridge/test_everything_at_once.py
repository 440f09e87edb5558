"""The promise as a whole: published with confirms into durable queues, while everything is restarted or killed."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika.exceptions
import pytest
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from tests.integration.bridge.places import BROKERS, LASTING, NODES
from tests.integration.bridge.rig import SOURCES_OF_LONG_TESTS, Rig, notifications
from tests.services import kafka, rabbitmq
from tests.services.testing import Cloud, Topics
from tests.support.process import Precache, wait_until


@pytest.fixture(scope="module", params=BROKERS)
def nodes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[rabbitmq.Node, kafka.Node]]:
    folder = tmp_path_factory.mktemp("nodes")
    with NODES[request.param](folder / "rabbitmq") as queue, kafka.Node(folder / "kafka") as log:
        yield queue, log


def publish_whatever_happens(rig: Rig, sent: list[tuple[str, bytes]], pause_s: float) -> None:
    """Publish each until it is confirmed: after a fault again, so that it may be there twice, but never not at all."""
    left = list(reversed(sent))
    while left:
        try:
            with rig.channel() as channel:
                while left:
                    channel.basic_publish(
                        rig.cloud.exchange,
                        rig.queue,
                        left[-1][1],
                        pika.BasicProperties(content_type="application/json", delivery_mode=2),
                        mandatory=True,
                    )
                    left.pop()
                    time.sleep(pause_s)
        except (pika.exceptions.AMQPError, AMQPConnectorException, OSError):
            time.sleep(0.2)


def freeze_with_messages_in_flight(rig: Rig, bridge: Precache) -> None:
    """Stop the bridge in its tracks at a moment when it holds messages."""

    def is_holding() -> bool:
        bridge.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # the counts of the management API are up to 0.2 seconds old
        if rig.unacknowledged() > 0:
            return True
        bridge.process.send_signal(signal.SIGCONT)
        time.sleep(random.uniform(0.05, 0.5))
        return False

    wait_until(is_holding, "messages in flight", 60, 0.0)


def torment(
    rig: Rig, nodes: tuple[rabbitmq.Node, kafka.Node], options: dict[str, Any], count: int, pause_s: float
) -> None:
    queue, log = nodes
    sent = notifications(count)
    publisher = threading.Thread(target=publish_whatever_happens, args=(rig, sent, pause_s))
    publisher.start()
    bridge = rig.bridge(**options)
    try:
        for server in (queue, log):
            freeze_with_messages_in_flight(rig, bridge)
            server.stop()
            bridge.process.send_signal(signal.SIGCONT)
            server.start()
            bridge.wait_ready(60)
        freeze_with_messages_in_flight(rig, bridge)
        bridge.kill()
        bridge = rig.bridge(**options)
        publisher.join(600)
        assert not publisher.is_alive()
        counts = rig.wait_forwarded([message_id for message_id, _ in sent], 120)
        rig.wait_empty()
        assert counts.keys() == {message_id for message_id, _ in sent}
        assert rig.dead() == []
        assert bridge.stop() == 0
    finally:
        publisher.join(60)
        bridge.__exit__(None, None, None)
    report(counts)


def report(counts: Counter[str]) -> None:
    repeated = sum(counts.values()) - len(counts)
    print(f"{len(counts)} notifications, none missing, {repeated} records more than once")  # noqa: T201 - for docs


@pytest.fixture(params=LASTING)
def rig_of_nodes(request: pytest.FixtureRequest, tmp_path: Path, nodes: tuple[rabbitmq.Node, kafka.Node]) -> Rig:
    queue, log = nodes
    prefix = f"test-{time.monotonic_ns()}"
    cloud = Cloud(queue.transport_url, prefix, prefix, queue.api_url)
    rig = Rig(tmp_path, log.bootstrap_servers, cloud, Topics(prefix), request.param)
    rig.make_topics()
    rig.declare_as_nova()
    return rig


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", SOURCES_OF_LONG_TESTS)
def test_nothing_is_missing(rig_of_nodes: Rig, nodes: tuple[rabbitmq.Node, kafka.Node], source: str) -> None:
    torment(rig_of_nodes, nodes, rig_of_nodes.options(source) | {"prefetch": 100}, count=2_000, pause_s=0.01)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("source", SOURCES_OF_LONG_TESTS)
def test_nothing_is_missing_of_twenty_thousand(
    rig_of_nodes: Rig, nodes: tuple[rabbitmq.Node, kafka.Node], source: str
) -> None:
    torment(rig_of_nodes, nodes, rig_of_nodes.options(source) | {"prefetch": 100}, count=20_000, pause_s=0.002)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("backlog", [20_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_a_backlog_is_drained_in_bounded_memory(rig: Rig, backlog: int) -> None:
    body = notifications(1)[0][1]
    rig.publish_fast(body, backlog)
    with rig.bridge() as bridge:
        wait_until(lambda: forwarded(bridge) >= backlog, "the backlog to be drained", 600, 0.5)
        status = Path(f"/proc/{bridge.process.pid}/status").read_text()
        (peak,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    print(f"{backlog} notifications, peak resident memory {peak / 1024:.0f} MB")  # noqa: T201 - for docs
    assert peak < 150 * 1024


def forwarded(bridge: Precache) -> float:
    return bridge.metrics().get('precache_bridge_forwarded_total{cloud="paris"}', 0.0)
