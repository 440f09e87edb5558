"""`precache doctor` and `precache topics` on three brokers: what may lose records one day is found, and fixed."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.services.kafka_cluster import Cluster
from tests.services.process import wait_until
from tests.services.testing import Topics
from tests.support.process import Precache

TOPICS = Topics("test")
GROUP = "test-group"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def run(folder: Path, cluster: Cluster, *words: str, **topics: Any) -> tuple[int, str, str]:
    file = folder / "processor.yaml"
    content = {
        "kafka": {"bootstrap.servers": cluster.bootstrap_servers, "group.id": GROUP},
        "topics": TOPICS.config() | {"partitions": 2} | topics,
        "store": {"type": "sqlite", "path": str(folder / "store.sqlite")},
    }
    file.write_text(yaml.safe_dump(content))
    with Precache([*words, "--config", str(file)], folder, name=words[0]) as process:
        return process.wait_end(90), process.stdout, process.stderr


def set_wrong(admin: AdminClient, settings: dict[str, str]) -> None:
    entries = [ConfigEntry(*pair, incremental_operation=AlterConfigOpType.SET) for pair in settings.items()]
    resource = ConfigResource(ResourceType.TOPIC, TOPICS.notifications, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def doctor(folder: Path, cluster: Cluster) -> list[dict[str, str]]:
    _, out, _ = run(folder, cluster, "doctor", "--json")
    return [json.loads(line) for line in out.splitlines()]


def test_what_may_lose_records_is_found_and_fixed(cluster: Cluster, tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, cluster, "topics", "create", "--dry-run")
    assert (code, out.count("2 partitions, 3 copies, ")) == (0, 4)
    assert run(tmp_path, cluster, "topics", "create", replication_factor=1)[0] == 0
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    found = [line for line in doctor(tmp_path, cluster) if line["check"] == f"topic {TOPICS.progress}"]
    assert [line["state"] for line in found] == ["WARN"]
    assert "has one copy, on 3 brokers" in found[0]["text"]
    # The plan names every partition, and keeps the broker that has the data.
    words = shlex.split(found[0]["remedy"].replace("<(", "").rstrip(")"))
    assert words[:2] == ["kafka-reassign-partitions.sh", "--bootstrap-server"]
    partitions = admin.list_topics(TOPICS.progress, timeout=30).topics[TOPICS.progress].partitions
    for move in json.loads(words[-1])["partitions"]:
        assert move["replicas"][0] == partitions[move["partition"]].replicas[0]
        assert sorted(move["replicas"]) == [1, 2, 3]

    for future in admin.delete_topics(TOPICS.usual()).values():
        future.result(30)
    assert wait_until(lambda: TOPICS.progress not in admin.list_topics(timeout=30).topics, 30)
    assert run(tmp_path, cluster, "topics", "create")[0] == 0
    assert run(tmp_path, cluster, "topics", "check")[0::2] == (0, "")
    partitions = admin.list_topics(TOPICS.progress, timeout=30).topics[TOPICS.progress].partitions
    assert all(len(partition.replicas) == 3 for partition in partitions.values())

    wrong = {"retention.ms": "60000", "min.insync.replicas": "1", "message.timestamp.type": "CreateTime"}
    set_wrong(admin, wrong)
    code, _, err = run(tmp_path, cluster, "topics", "check")
    assert code == 1
    assert "message.timestamp.type is CreateTime" in err
    assert "warning: test.nova.notifications: min.insync.replicas is 1 of 3 copies" in err
    assert "retention.ms is 60000, but should be at least 172800000" in err
    code, out, err = run(tmp_path, cluster, "topics", "create", "--fix")
    assert (code, err) == (0, "")
    assert f"{TOPICS.notifications}: set retention.ms=604800000" in out
    assert run(tmp_path, cluster, "topics", "check")[0::2] == (0, "")


def joined(member: Consumer) -> bool:
    member.poll(0.2)
    return bool(member.assignment())


def test_two_members_of_one_instance(cluster: Cluster, tmp_path: Path) -> None:
    run(tmp_path, cluster, "topics", "create")
    settings = {
        "bootstrap.servers": cluster.bootstrap_servers,
        "group.id": GROUP,
        "client.id": f"{GROUP}-central-1",
        "partition.assignment.strategy": "cooperative-sticky",
    }
    members = [Consumer(settings) for _ in range(2)]
    try:
        for member in members:
            member.subscribe([TOPICS.notifications])
        assert wait_until(lambda: sum(joined(member) for member in members) == 2, 60)
        found = {line["check"]: line for line in doctor(tmp_path, cluster)}
        twins = found[f"group {GROUP}, instance central-1"]
        assert twins["state"] == "FAIL"
        assert twins["text"].startswith("2 processors have this instance")
    finally:
        for member in members:
            member.close()
