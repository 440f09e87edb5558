"""`precache topics create` on a real Kafka: made as the contract says, twice without harm, and checked."""

from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from tests.services.testing import Servers, Topics
from tests.support.process import Precache


@pytest.fixture
def config(servers: Servers, topics: Topics, tmp_path: Path) -> Path:
    file = tmp_path / "bridge.yaml"
    content = {
        "kafka": {"bootstrap.servers": servers.kafka},
        "topics": topics.config() | {"partitions": 3},
        "clouds": [
            {
                "name": "paris",
                "transport_url": "rabbit://u:p@localhost/",
                "topic": "precache",
                "forward": {f"{topics.prefix}.all": ["*"]},
            }
        ],
    }
    file.write_text(yaml.safe_dump(content))
    return file


def create(config: Path, *args: str) -> tuple[int, str, str]:
    with Precache(["topics", "create", "--config", str(config), *args], config.parent, name="topics") as process:
        return process.wait_end(60), process.stdout, process.stderr


def settings(servers: Servers, topic: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": servers.kafka})
    (future,) = admin.describe_configs([ConfigResource("topic", topic)]).values()
    return {name: entry.value for name, entry in future.result(timeout=30).items()}


def test_made_once_and_checked_after(config: Path, servers: Servers, topics: Topics) -> None:
    names = [topics.notifications, topics.progress, topics.operations, topics.deadletters, f"{topics.prefix}.all"]
    code, out, _ = create(config, "--dry-run")
    assert code == 0
    assert [line.partition(":")[0] for line in out.splitlines()] == names
    assert out.count("would be created, 3 partitions") == 5
    code, out, _ = create(config)
    assert code == 0
    assert out.splitlines() == [f"{name}: created, 3 partitions" for name in names]
    code, out, _ = create(config)
    assert code == 0
    assert out.splitlines() == [f"{name}: is there already, 3 partitions" for name in names]
    assert settings(servers, topics.notifications)["message.timestamp.type"] == "LogAppendTime"
    assert set(settings(servers, topics.operations)["cleanup.policy"].split(",")) == {"compact", "delete"}


def test_a_topic_with_other_settings_is_reported_with_the_command(
    config: Path, servers: Servers, topics: Topics
) -> None:
    admin = AdminClient({"bootstrap.servers": servers.kafka})
    (future,) = admin.create_topics([NewTopic(topics.notifications, 3, 1)]).values()
    future.result(timeout=30)
    code, _, err = create(config)
    assert code == 1
    assert f"{topics.notifications}: message.timestamp.type is CreateTime, but has to be LogAppendTime" in err
    assert "kafka-configs.sh" in err


def test_no_broker(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("kafka: {bootstrap.servers: '127.0.0.1:1'}\n")
    code, _, err = create(file)
    assert code == 1
    assert "no answer from Kafka at 127.0.0.1:1" in err
    assert "Traceback" not in err
