from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.faults.processor.arena import Arena
from tests.services.testing import Bucket, Servers
from tests.support.kept_cloud import KeptCloud
from tests.support.openstack import FakeOpenStack


@pytest.fixture
def cloud(servers: Servers, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeptCloud]:
    """A cloud whose notifications a real processor makes rows of, in a SQLite file; its bridge lives."""
    operations = {"grace_period": "100ms"}
    store: dict[str, Any] = {"type": "sqlite", "path": str(tmp_path / "store.db")}
    arena = Arena(
        servers.kafka, bucket, tmp_path, operations=operations, consumer={"session.timeout.ms": 6_000}
    ).create("LogAppendTime")
    admin = AdminClient({"bootstrap.servers": servers.kafka})
    wanted = NewTopic(arena.topics.wanted, 1, 1, config={"cleanup.policy": "compact"})
    admin.create_topics([wanted])[arena.topics.wanted].result(timeout=30)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    try:
        with FakeOpenStack() as nova:
            made = KeptCloud(arena, nova, tmp_path, store)
            with made.bridge(), arena.start("processor", store=store) as processor:
                processor.wait_event("processor.rebuilt")
                yield made
                for keeper in made.keepers:
                    keeper.kill()
    finally:
        arena.remove()
