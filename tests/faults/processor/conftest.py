"""A Kafka of these tests' own, which gives up on members and transactions soon; and a place on it for each test."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processor.arena import Arena
from tests.faults.processor.impatient import one_for_all
from tests.services.testing import Bucket, Servers


@pytest.fixture(scope="session")
def impatient_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    base = tmp_path_factory.getbasetemp()
    # The folder of a worker lies in that of the run.
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with one_for_all(run / "impatient-kafka") as node:
        yield node.bootstrap_servers


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
