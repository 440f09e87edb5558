"""A Kafka of these tests' own, which gives up on members and transactions soon; and a place on it for each test."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processor.arena import Arena
from tests.services.kafka import Node
from tests.services.testing import Bucket, Servers

# Six seconds, ten seconds: what a test would else wait for at each kill.
IMPATIENT = {
    "group.min.session.timeout.ms": "500",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


@pytest.fixture(scope="session")
def impatient_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    Node.install()
    with Node(tmp_path_factory.mktemp("kafka"), properties=IMPATIENT) as node:
        yield node


@pytest.fixture(scope="session")
def impatient_kafka(impatient_node: Node) -> str:
    return impatient_node.bootstrap_servers


@pytest.fixture
def make_bucket(servers: Servers) -> Iterator[Callable[[], Bucket]]:
    made: list[Bucket] = []

    def make() -> Bucket:
        bucket = Bucket(servers.influx_url, servers.influx_org, servers.influx_token, f"test-{uuid.uuid4().hex[:12]}")
        bucket.create()
        made.append(bucket)
        return bucket

    yield make
    for bucket in made:
        bucket.remove()


@pytest.fixture
def make_arena(
    impatient_kafka: str, make_bucket: Callable[[], Bucket], tmp_path: Path
) -> Iterator[Callable[..., Arena]]:
    made: list[Arena] = []

    def make(timestamps: str = "CreateTime", **more: Any) -> Arena:
        arena = Arena(impatient_kafka, make_bucket(), tmp_path, **more).create(timestamps)
        made.append(arena)
        return arena

    yield make
    for arena in made:
        arena.remove()
