"""Three Kafka nodes that are one cluster: it works while one of them is away, whichever it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.services.kafka_cluster import Cluster
from tests.services.process import wait_until
from tests.support.kafka import read_all

TOPIC = "copied"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as running:
        yield running


def send(cluster: Cluster, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "acks": "all"})
    outcomes: list[object] = []
    producer.produce(TOPIC, value, on_delivery=lambda error, _message: outcomes.append(error))
    assert producer.flush(60) == 0
    assert outcomes == [None]


def leader(cluster: Cluster) -> int:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    found: int = admin.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions[0].leader
    return found


@pytest.mark.timeout(300)
def test_it_works_while_one_node_is_away_and_takes_it_back(cluster: Cluster) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    assert set(admin.list_topics(timeout=30).brokers) == {1, 2, 3}
    config = {"min.insync.replicas": "2"}
    admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=3, config=config)])[TOPIC].result(30)
    send(cluster, b"before")
    first = leader(cluster)
    cluster.member(first).kill()
    send(cluster, b"meanwhile")
    assert leader(cluster) != first
    cluster.start()
    assert wait_until(lambda: len(admin.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions[0].isrs) == 3, 60)
    assert [message.value() for message in read_all(cluster.bootstrap_servers, TOPIC)] == [b"before", b"meanwhile"]
