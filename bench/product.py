"""precache itself, as a user would start it: a configuration file and the command."""

import json
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.child import Child
from bench.servers import PARTITIONS, Servers
from tests.services.testing import Bucket, Topics
from tests.support.process import free_port

PRECACHE: Final = Path(sys.executable).with_name("precache")


class Cloud(NamedTuple):
    """One cloud of a bridge: its name, and Nova's topic on its RabbitMQ."""

    name: str
    topic: str


def _write(file: Path, config: Mapping[str, Any]) -> Path:
    # JSON is YAML.
    file.write_text(json.dumps(config, indent=1))
    return file


def _topics(topics: Topics, notifications: str) -> dict[str, Any]:
    return topics.config() | {
        "notifications": notifications or topics.notifications,
        "partitions": PARTITIONS,
        "replication_factor": 1,
    }


def bridge(servers: Servers, topics: Topics, clouds: Sequence[Cloud], **cloud_settings: Any) -> Child:
    """Start a bridge with its default settings, but for those given for its clouds."""
    shared = {"transport_url": servers.rabbitmq.transport_url, **cloud_settings}
    config = {
        "kafka": {"bootstrap.servers": servers.bootstrap},
        "topics": _topics(topics, ""),
        "clouds": [{"name": cloud.name, "topic": cloud.topic, **shared} for cloud in clouds],
        "instance": "bench",
        "http": {"listen": f"127.0.0.1:{free_port()}"},
    }
    file = _write(servers.folder / f"{topics.prefix}-bridge.yaml", config)
    return Child("precache bridge", [PRECACHE, "bridge", "--config", file], servers.folder)


def processor_config(servers: Servers, topics: Topics, bucket: Bucket, notifications: str = "", http: int = 0) -> Path:
    """Write the configuration of a processor with its default settings.

    Args:
        servers: whose Kafka it reads.
        topics: its topics and its group.
        bucket: where it writes.
        notifications: the input, where it is not that of `topics`.
        http: the port of its metrics; any free one when 0.
    """
    config = {
        "kafka": {"bootstrap.servers": servers.bootstrap, "group.id": topics.group},
        "instance": topics.prefix,
        "topics": _topics(topics, notifications),
        "store": {
            "type": "influxdb",
            "url": bucket.url,
            "org": bucket.org,
            "bucket": bucket.name,
            "token": bucket.token,
        },
        "http": {"listen": f"127.0.0.1:{http or free_port()}"},
    }
    return _write(servers.folder / f"{topics.prefix}-processor.yaml", config)


def processor(servers: Servers, config: Path, *options: str) -> Child:
    """Start a processor."""
    return Child("precache processor", [PRECACHE, "processor", "--config", config, *options], servers.folder)


def is_ready(http: int) -> bool:
    """Ask /readyz."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
