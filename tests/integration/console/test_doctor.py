"""`precache doctor` on real servers: a healthy set-up, and each thing that can be wrong, with its remedy."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition

from precache.contract.topics import BRIDGE_TYPE, NOVA_TYPE_PREFIX
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support import captures
from tests.support.captures import declare_as_nova, publish
from tests.support.process import Precache


def doctor(folder: Path, config: dict[str, Any]) -> tuple[int, dict[str, dict[str, str]]]:
    file = folder / "doctor.yaml"
    file.write_text(yaml.safe_dump(config))
    with Precache(["doctor", "--config", str(file), "--json"], folder, name="doctor") as process:
        code = process.wait_end(60)
        assert process.stderr == ""
        found = [json.loads(line) for line in process.stdout.splitlines()]
    return code, {finding["check"]: finding for finding in found}


@pytest.fixture
def bridge(servers: Servers, topics: Topics, cloud: Cloud, tmp_path: Path) -> dict[str, Any]:
    declare_as_nova(cloud.transport_url, cloud.exchange, cloud.topic)
    config = {
        "kafka": {"bootstrap.servers": servers.kafka},
        "topics": topics.config(),
        "clouds": [
            {
                "name": "paris",
                "transport_url": cloud.transport_url,
                "exchange": cloud.exchange,
                "topic": cloud.topic,
            }
        ],
    }
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(config))
    with Precache(["topics", "create", "--config", str(file)], tmp_path, name="topics") as process:
        assert process.wait_end(60) == 0
    return config


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A server that accepts connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in held:
            connection.close()


def test_a_healthy_bridge(bridge: dict[str, Any], cloud: Cloud, topics: Topics, tmp_path: Path) -> None:
    publish(
        cloud.transport_url, captures.read(captures.NO_HOST), exchange=cloud.exchange, routing_key=f"{cloud.topic}.info"
    )
    code, found = doctor(tmp_path, bridge)
    assert code == 0
    queue = found.pop(f"paris: queue {cloud.topic}.info")
    assert (queue["state"], queue["text"]) == ("WARN", "2 messages ready, 0 consumers")
    assert "precache bridge" in queue["remedy"]
    # No bridge has run yet.
    assert found.pop("paris: notifications")["text"] == "no heartbeat of a bridge is in Kafka"
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert f"topic {topics.notifications}" in found
    # Nothing was taken, and nothing counted as a delivery.
    assert doctor(tmp_path, bridge)[1][f"paris: queue {cloud.topic}.info"]["text"] == queue["text"]


def test_when_nova_was_heard_last(bridge: dict[str, Any], servers: Servers, topics: Topics, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": servers.kafka, "partitioner": "murmur2_random"})

    def write(key: str, kind: str, value: dict[str, Any]) -> None:
        producer.produce(topics.notifications, json.dumps(value), key, headers=[("ce_type", kind.encode())])
        assert producer.flush(30) == 0

    def heartbeat(received: int) -> None:
        write("paris", BRIDGE_TYPE, {"instance": "one", "counts": {"received": received}})

    heartbeat(4)
    heartbeat(4)
    found = doctor(tmp_path, bridge)[1]["paris: notifications"]
    assert found["state"] == "WARN"
    assert "notification_format" in found["remedy"]
    heartbeat(5)
    write("paris/ccf82bd4-a15e-43c5-83ad-b23970338139", f"{NOVA_TYPE_PREFIX}aggregate.cache_images.end", {})
    found = doctor(tmp_path, bridge)[1]["paris: notifications"]
    assert found["state"] == "ok"
    assert re.fullmatch(
        r"last notification of image caching: \d+s ago; last message of the queue: \d+s ago", found["text"]
    )


def test_what_is_not_there(bridge: dict[str, Any], topics: Topics, tmp_path: Path) -> None:
    paris = bridge["clouds"][0] | {"exchange": "nothing", "topic": "nothing"}
    kafka = bridge["topics"] | {"deadletters": f"{topics.prefix}.nothing"}
    code, found = doctor(tmp_path, bridge | {"clouds": [paris], "topics": kafka})
    assert code == 1
    for check in ("paris: exchange nothing", "paris: queue nothing.info"):
        assert found[check]["state"] == "FAIL"
        assert "notification_format" in found[check]["remedy"]
    assert found[f"topic {topics.prefix}.nothing"]["state"] == "FAIL"
    assert found[f"topic {topics.prefix}.nothing"]["remedy"].startswith("precache topics create --config ")


@pytest.mark.parametrize(("durable", "state", "words"), [(True, "WARN", "0 consumers"), (False, "FAIL", "declared")])
def test_a_pools_queue_is_looked_at_as_the_bridge_would_declare_it(
    bridge: dict[str, Any], cloud: Cloud, tmp_path: Path, *, durable: bool, state: str, words: str
) -> None:
    with captures.channel(cloud.transport_url) as channel:
        channel.queue_declare("mine", durable=durable)
    paris = {key: value for key, value in bridge["clouds"][0].items() if key != "topic"} | {"pool": "mine"}
    _, found = doctor(tmp_path, bridge | {"clouds": [paris]})
    assert found["paris: queue mine"]["state"] == state
    assert words in found["paris: queue mine"]["text"]


def test_wrong_credentials_and_a_server_that_hangs(bridge: dict[str, Any], silent_server: int, tmp_path: Path) -> None:
    url = bridge["clouds"][0]["transport_url"]
    place = url.rpartition("@")[2]
    clouds = [
        bridge["clouds"][0],
        {"name": "rome", "transport_url": f"rabbit://nobody:secretword@{place}", "topic": "x"},
        {"name": "oslo", "transport_url": f"rabbit://u:p@127.0.0.1:{silent_server}/", "topic": "x"},
    ]
    began = time.monotonic()
    kafka = {"bootstrap.servers": f"127.0.0.1:{silent_server}"}
    code, found = doctor(tmp_path, bridge | {"clouds": clouds, "kafka": kafka})
    assert time.monotonic() - began < 45
    assert code == 1
    rome = next(finding for check, finding in found.items() if check.startswith("rome"))
    assert "refuses the credentials of user 'nobody'" in rome["text"]
    assert "secretword" not in json.dumps(found)
    assert found[f"oslo: RabbitMQ 127.0.0.1:{silent_server}"]["text"] == "accepts connections but does not answer"
    assert found[f"Kafka 127.0.0.1:{silent_server}"]["state"] == "FAIL"
    assert next(finding for check, finding in found.items() if check.startswith("paris: RabbitMQ"))["state"] == "ok"


def test_one_host_of_two_is_away(bridge: dict[str, Any], tmp_path: Path) -> None:
    url = bridge["clouds"][0]["transport_url"]
    user, _, rest = url.removeprefix("rabbit://").partition("@")
    host, _, vhost = rest.partition("/")
    two = f"rabbit://{user}@127.0.0.1:1,{user}@{host}/{vhost}"
    code, found = doctor(tmp_path, bridge | {"clouds": [bridge["clouds"][0] | {"transport_url": two}]})
    assert code == 0
    assert found["paris: RabbitMQ 127.0.0.1:1"]["state"] == "WARN"
    assert found[f"paris: RabbitMQ {host}"]["state"] == "ok"


def processor(bridge: dict[str, Any], topics: Topics, bucket: Bucket, **store: Any) -> dict[str, Any]:
    influx = {"type": "influxdb", "url": bucket.url, "org": bucket.org, "bucket": bucket.name, "token": bucket.token}
    kafka = bridge["kafka"] | {"group.id": topics.group}
    return {"kafka": kafka, "topics": bridge["topics"], "store": influx | store}


def test_a_processor(bridge: dict[str, Any], topics: Topics, bucket: Bucket, tmp_path: Path) -> None:
    code, found = doctor(tmp_path, processor(bridge, topics, bucket))
    assert code == 0
    group = found.pop(f"group {topics.group}")
    assert (group["state"], group["text"]) == ("WARN", "no processor runs; nothing is committed yet")
    assert found.pop("notifications")["state"] == "WARN"
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert any(check.startswith("store ") for check in found)


def test_a_committed_clock_that_is_ahead(
    bridge: dict[str, Any], topics: Topics, bucket: Bucket, servers: Servers, tmp_path: Path
) -> None:
    consumer = Consumer({"bootstrap.servers": servers.kafka, "group.id": topics.group})
    places = [
        TopicPartition(topics.notifications, number, 0, metadata=f"v1;low=0;parts=4;clock={clock_ms}")
        for number, clock_ms in enumerate((time.time_ns() // 1_000_000, time.time_ns() // 1_000_000 + 90_000_000))
    ]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()
    code, found = doctor(tmp_path, processor(bridge, topics, bucket))
    assert code == 0
    clock = found[f"clock of {topics.group}"]
    assert clock["state"] == "WARN"
    assert clock["text"].startswith("ahead of this machine's: partition 1 by 89")
    assert "NTP" in clock["remedy"]


def test_a_processor_with_a_wrong_token(bridge: dict[str, Any], topics: Topics, bucket: Bucket, tmp_path: Path) -> None:
    code, found = doctor(tmp_path, processor(bridge, topics, bucket, token="wrongtoken"))
    assert code == 1
    (store,) = [finding for check, finding in found.items() if check.startswith("store ")]
    assert store["state"] == "FAIL"
    assert "influx auth create" in store["text"]
    assert "wrongtoken" not in json.dumps(found)


def test_sqlite_is_only_looked_at(bridge: dict[str, Any], topics: Topics, bucket: Bucket, tmp_path: Path) -> None:
    config = processor(bridge, topics, bucket)
    path = tmp_path / "new.sqlite"
    code, found = doctor(tmp_path, config | {"store": {"type": "sqlite", "path": str(path)}})
    assert code == 0
    assert found[f"store {path}"]["text"] == "is not there yet; the processor makes it"
    assert not path.exists()
    code, found = doctor(tmp_path, config | {"store": {"type": "sqlite", "path": str(tmp_path / "no" / "x.sqlite")}})
    assert code == 1
