"""Kafka killed under a processor at work, with the default settings, and started again: it goes on by itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from confluent_kafka import Producer

from tests.services.kafka import Node
from tests.services.testing import Topics
from tests.support.kafka import read_all
from tests.support.process import Precache, free_port, wait_until
from tests.unit.processor.events import Event, Source

NOVA = Source()
HOSTS = ["a", "b"]
TOPICS = Topics("test-restarted")
# How long a processor may take once Kafka answers again.
BACK_S = 10.0
LAG = 'precache_processor_lag_records{partition="%d"}'


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A Kafka that may be killed: nobody else uses it."""
    with Node(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture
def processor(node: Node, tmp_path: Path) -> Iterator[Precache]:
    """A processor that `precache processor` runs, with nothing set but where its servers are."""
    port = free_port()
    config = {
        "kafka": {"bootstrap.servers": node.bootstrap_servers, "group.id": TOPICS.group},
        "topics": TOPICS.config(),
        "store": {"type": "sqlite", "path": str(tmp_path / "precache.db")},
        "http": {"listen": f"127.0.0.1:{port}"},
    }
    file = tmp_path / "processor.yaml"
    file.write_text(yaml.safe_dump(config))
    with Precache(["topics", "create", "--config", str(file)], tmp_path, name="topics") as created:
        assert created.wait_end() == 0, created.stderr
    with Precache(["processor", "--config", str(file)], tmp_path, name="processor", http=port) as started:
        yield started.wait_ready()


def send(node: Node, *events: Event) -> None:
    producer = Producer({"bootstrap.servers": node.bootstrap_servers, "partitioner": "murmur2_random"})
    for event in events:
        producer.produce(TOPICS.notifications, event.value, key=event.key)
    assert producer.flush(30) == 0


def lag(processor: Precache) -> float:
    return sum(value for name, value in processor.metrics().items() if name.startswith(LAG))


def reported(node: Node) -> int:
    return len(read_all(node.bootstrap_servers, TOPICS.progress))


@pytest.mark.parametrize("outage_s", [8, pytest.param(30, marks=pytest.mark.soak)])
def test_the_processor_goes_on_by_itself(node: Node, processor: Precache, outage_s: int) -> None:
    source = Source(request=f"req-{outage_s}")
    before = reported(node)
    send(node, source.start(HOSTS), source.report("a"))
    wait_until(lambda: reported(node) == before + 1, "the first host's report to be processed", 30)
    node.kill()
    killed = time.monotonic()
    wait_until(lambda: not processor.ready()[0], "the processor to be not ready", outage_s)
    assert "Kafka does not answer" in processor.ready()[1]
    assert lag(processor) == 0, "nothing came that it does not know of"
    time.sleep(max(0.0, killed + outage_s - time.monotonic()))
    node.start()
    back = time.monotonic()
    send(node, source.report("b"), source.end(HOSTS))
    wait_until(lambda: reported(node) == before + 2, "the second host's report to be processed", BACK_S)
    processor.wait_ready(back + BACK_S - time.monotonic())
    assert not processor.events("watchdog.hanging")
    assert processor.stop() == 0
