"""Kafka killed under a processor at work, with the default settings, and started again: it goes on by itself."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from precache.config import TopicsBlock
from precache.kafka import clients
from precache.kafka import topics as kafka_topics
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaCallError
from precache.runtime.deadline import Deadline
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from processor.fault_points import FaultPoints
from processor.output.transactions import Transactions
from processor.shutdown import ShutdownGrace
from tests.services.kafka import Node
from tests.services.kafka_cluster import Cluster
from tests.services.testing import Topics
from tests.support.events import Event, Source
from tests.support.kafka import read_all
from tests.support.process import Precache, free_port, wait_until

Stops = tuple[Callable[[Node], None], Callable[[Node], None]]

NOVA = Source()
HOSTS = ["a", "b"]
TOPICS = Topics("test-restarted")
# Within so long of Kafka's return; below 10 s where Kafka starts soon. On a loaded machine its start outlasts the
# session, and the group is joined anew.
BACK_S = 40.0
# How long a commit may take to give up, with a timeout of 1 s for each call.
AWAY_S = 10.0
LAG = "precache_processor_lag_records{"
# What a processor may take with the group's coordinator gone for good: another broker takes over within seconds, and
# the member's session may end meanwhile.
TAKEN_OVER_S = 60.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A Kafka that may be killed: nobody else uses it."""
    with Node(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture
def processor(node: Node, tmp_path: Path) -> Iterator[Precache]:
    with processing(node.bootstrap_servers, tmp_path) as started:
        yield started


@contextmanager
def processing(servers: str, folder: Path, **topics: int) -> Iterator[Precache]:
    """Run a processor by `precache processor`, with nothing set but where its servers are."""
    port = free_port()
    config = {
        "kafka": {"bootstrap.servers": servers, "group.id": TOPICS.group},
        "topics": TOPICS.config() | topics,
        "store": {"type": "sqlite", "path": str(folder / "precache.db")},
        "http": {"listen": f"127.0.0.1:{port}"},
    }
    file = folder / "processor.yaml"
    file.write_text(yaml.safe_dump(config))
    with Precache(["topics", "create", "--config", str(file)], folder, name="topics") as created:
        assert created.wait_end() == 0, created.stderr
    with Precache(["processor", "--config", str(file)], folder, name="processor", http=port) as started:
        yield started.wait_ready()


def send(servers: str, *events: Event) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random"})
    for event in events:
        producer.produce(TOPICS.notifications, event.value, key=event.key)
    assert producer.flush(30) == 0


def lag(processor: Precache) -> float:
    return sum(value for name, value in processor.metrics().items() if name.startswith(LAG))


def reported(servers: str) -> int:
    return len(read_all(servers, TOPICS.progress))


KILLED: Stops = (Node.kill, Node.start)
PAUSED: Stops = (Node.pause, Node.resume)


@pytest.mark.parametrize(
    ("how", "outage_s"),
    [
        (KILLED, 8),
        pytest.param(KILLED, 30, marks=pytest.mark.soak),
        pytest.param(PAUSED, 8, marks=pytest.mark.soak),
        pytest.param(PAUSED, 30, marks=pytest.mark.soak),
    ],
    ids=["killed-8", "killed-30", "paused-8", "paused-30"],
)
def test_the_processor_goes_on_by_itself(node: Node, processor: Precache, how: Stops, outage_s: int) -> None:
    servers, source = node.bootstrap_servers, Source(request=f"req-{uuid.uuid4()}")
    take_away, bring_back = how
    before = reported(servers)
    send(servers, source.start(HOSTS), source.report("a"))
    wait_until(lambda: reported(servers) == before + 1, "the first host's report to be processed", 30)
    take_away(node)
    began = time.monotonic()
    wait_until(lambda: not processor.ready()[0], "the processor to be not ready", outage_s)
    assert "Kafka does not answer" in processor.ready()[1]
    assert lag(processor) == 0, "nothing came that it does not know of"
    time.sleep(max(0.0, began + outage_s - time.monotonic()))
    bring_back(node)
    back = time.monotonic()
    send(servers, source.report("b"), source.end(HOSTS))
    wait_until(lambda: reported(servers) == before + 2, "the second host's report to be processed", BACK_S)
    processor.wait_ready(back + BACK_S - time.monotonic())
    assert not processor.events("watchdog.hanging")
    assert processor.stop() == 0


def test_a_commit_returns_while_the_groups_coordinator_is_away(node: Node) -> None:
    block = KafkaBlock.model_validate({"bootstrap.servers": node.bootstrap_servers})
    consumer = clients.consumer(block, "c", **{"group.id": "test-away"})
    kafka_topics.create(clients.admin(block), TopicsBlock(**TOPICS.config()), Deadline.after(30))
    transactions = Transactions(
        lambda: clients.transactional_producer(block, "p", "test-away"),
        transactional_id="test-away",
        call_s=1.0,
        limit_s=3.0,
        serve=time.sleep,
        grace=ShutdownGrace(Stop(), 30.0),
        watched=Watched("loop"),
        fault_points=FaultPoints(""),
    )
    offsets = [TopicPartition(TOPICS.notifications, 0, 1)]
    transactions.ready()
    transactions.begin([])
    transactions.commit([], offsets, consumer.consumer_group_metadata())
    transactions.begin([])
    node.kill()
    began = time.monotonic()
    with pytest.raises(KafkaCallError) as caught:
        transactions.commit([], offsets, consumer.consumer_group_metadata())
    transactions.give_up(caught.value)
    assert time.monotonic() - began < AWAY_S
    node.start()
    transactions.ready()
    transactions.begin([])
    transactions.commit([], offsets, consumer.consumer_group_metadata())
    consumer.close()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_processor_goes_on_while_the_groups_coordinator_stays_away(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        servers = cluster.bootstrap_servers
        with processing(servers, tmp_path, replication_factor=3) as processor:
            send(servers, NOVA.start(HOSTS), NOVA.report("a"))
            wait_until(lambda: reported(servers) == 1, "the first host's report to be processed", 60)
            admin = AdminClient({"bootstrap.servers": servers})
            group = admin.describe_consumer_groups([TOPICS.group])[TOPICS.group].result(30)
            cluster.member(group.coordinator.id).kill()
            # Until the cluster has taken it from its list, and the clients have seen that.
            others = {member.number for member in cluster.members} - {group.coordinator.id}
            wait_until(lambda: set(admin.list_topics(timeout=30).brokers) == others, "the cluster to notice", 60)
            send(servers, NOVA.report("b"), NOVA.end(HOSTS))
            wait_until(lambda: reported(servers) == 2, "the second host's report to be processed", TAKEN_OVER_S)
            processor.wait_ready(TAKEN_OVER_S)
            assert processor.stop() == 0
