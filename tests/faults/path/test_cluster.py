"""Kafka as three brokers: one is away, or two are, or the one that matters most is killed; work goes on by itself."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from tests.faults.path.cell import Cell
from tests.services.kafka_cluster import Cluster
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.process import wait_until
from tests.support.stack import Stack

AWAY_S: Final = 20.0
# Until the controller has noticed that a broker is gone (`broker.session.timeout.ms` of the tests' nodes), and moved
# what it led; a producer, a consumer and a coordinator may each find that out one after the other.
NOTICED_S: Final = 5.0
ROLES: Final = ("leader", "group coordinator", "transaction coordinator")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), properties={"min.insync.replicas": "2"}) as started:
        yield started


@pytest.fixture
def stack(cluster: Cluster, servers: Servers, cloud: Cloud, bucket: Bucket, tmp_path: Path) -> Stack:
    own = replace(servers, kafka=cluster.bootstrap_servers)
    return Stack(tmp_path, own, cloud, Topics(f"test-{uuid.uuid4().hex[:12]}"), bucket, copies=3)


def partition_of(stack: Stack) -> int:
    """Return the partition of the cell's operation, by where its beginning was committed."""
    return max(stack.next_offsets(), key=lambda number: stack.next_offsets()[number])


def broker_of(cluster: Cluster, stack: Stack, role: str) -> int:
    """Return the id of the broker that plays a role for the processor under test."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    if role == "leader":
        topic = stack.topics.notifications
        described = admin.describe_topics(TopicCollection([topic]))[topic].result(30)
        leader: int = described.partitions[partition_of(stack)].leader.id
        return leader
    if role == "group coordinator":
        group = admin.describe_consumer_groups([stack.topics.group])[stack.topics.group].result(30)
        return int(group.coordinator.id)
    partitions = admin.list_topics("__transaction_state", timeout=30).topics["__transaction_state"].partitions
    return int(partitions[java_hash(f"{stack.topics.group}-central-1") % len(partitions)].leader)


def java_hash(text: str) -> int:
    """Return `abs(String.hashCode())`, by which Kafka spreads transactional ids."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) & 0xFFFFFFFF
    return abs(value - (1 << 32) if value >= 1 << 31 else value)


def line(what: str, cell: Cell) -> str:
    return (
        f"| Kafka of three | {what} | {', '.join(f'{name} {took:.1f} s' for name, took in cell.recovery_s.items())} |"
    )


@pytest.fixture(autouse=True)
def whole(cluster: Cluster) -> Iterator[None]:
    """Leave no broker behind its peers: the next test kills another one."""
    yield
    cluster.start()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})

    def is_whole() -> bool:
        topics = admin.list_topics(timeout=30).topics.values()
        return all(len(place.isrs) == len(place.replicas) for topic in topics for place in topic.partitions.values())

    wait_until(is_whole, "every copy to have caught up", 120)


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("role", ROLES)
def test_the_others_go_on_when_one_broker_is_killed(
    cluster: Cluster, stack: Stack, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Cell(stack, "kafka").running() as cell:
        cell.begin()
        victim = cluster.member(broker_of(cluster, stack, role))
        victim.kill()
        cell.finish(NOTICED_S)
        assert not victim.is_alive(), "it was to go on without that broker"
    with capsys.disabled():
        print(line(f"{role} killed", cell))  # noqa: T201 - figures for docs


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("count", [1, 2])
def test_it_goes_on_once_brokers_are_back(
    cluster: Cluster, stack: Stack, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Cell(stack, "kafka").running() as cell:
        cell.begin()
        leader = broker_of(cluster, stack, "leader")
        for number in (leader, leader % 3 + 1)[:count]:
            cluster.member(number).kill()
        cell.meanwhile(AWAY_S, frozenset({"bridge", "processor"}) if count == 2 else frozenset())
        cluster.start()
        cell.finish(NOTICED_S)
    with capsys.disabled():
        print(line(f"{count} of 3 away {AWAY_S:g} s", cell))  # noqa: T201 - figures for docs
