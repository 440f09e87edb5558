"""A place on the shared servers for each test, and processors in threads of the test's own process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from tests.faults.processor.arena import Arena
from tests.services.testing import Bucket, Servers


@pytest.fixture
def make_arena(servers: Servers, bucket: Bucket, tmp_path: Path) -> Iterator[Callable[..., Arena]]:
    made: list[Arena] = []

    def make(timestamps: str = "CreateTime", **more: Any) -> Arena:
        more["consumer"] = {"session.timeout.ms": 6_000} | more.get("consumer", {})
        arena = Arena(servers.kafka, bucket, tmp_path, **more).create(timestamps)
        made.append(arena)
        return arena

    yield make
    for arena in made:
        arena.remove()


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as events:
        yield cast("list[dict[str, Any]]", events)
