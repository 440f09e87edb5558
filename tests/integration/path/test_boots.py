"""From nova-compute's notification to `precache boots`: what pre-caching bought."""

import json

import yaml

from tests.support import boots
from tests.support.captures import Captured
from tests.support.kafka import read_all
from tests.support.process import free_port, wait_until
from tests.support.stack import Stack

UUID = "00000000-0000-4000-8000-00000000000"


def as_sent(stack: Stack, body: bytes) -> Captured:
    return Captured(stack.cloud.exchange, "", {"content_type": "application/json", "delivery_mode": 2}, body)


def test_boots_from_rabbitmq_to_the_command(stack: Stack) -> None:
    port = free_port()
    file = stack.bridge_file(port, [{"name": "paris", "topic": stack.cloud.topic, "boots": True}])
    with stack.precache("topics", "create", "--config", str(file), name="create") as created:
        assert created.wait_end() == 0, created.stderr
    assert f"{stack.topics.instances}: created, 4 partitions" in created.stdout
    assert stack.topics.wanted not in created.stdout
    with stack.precache("bridge", "--config", str(file), http=port) as bridge, stack.processor() as processor:
        bridge.wait_ready()
        bodies = [boots.message(UUID + "1"), boots.message(UUID + "2", image_uuid=""), boots.message(UUID + "3")]
        stack.publish(as_sent(stack, body) for body in bodies)
        wait_until(lambda: len(stack.points("precache_boot")) == 2, "two boots in InfluxDB", 60)
        assert processor.stop() == 0
        assert bridge.stop() == 0
    assert len(read_all(stack.servers.kafka, stack.topics.instances)) == 3
    first, second = sorted(stack.points("precache_boot"), key=lambda row: row["instance"])
    assert (first["cloud"], first["host"], first["image"], first["result"]) == ("paris", "host-1", "image-1", "active")
    assert (first["instance"], second["instance"]) == (UUID + "1", UUID + "3")
    assert first["duration_s"] == second["duration_s"] == 42.5
    config = {"store": yaml.safe_load(stack.processor_file().read_text())["store"], "operators": {"clouds": []}}
    (stack.folder / "precache.yaml").write_text(yaml.safe_dump(config))
    with stack.precache("boots", "--config", "precache.yaml", "--since", "3650d", "-o", "json", name="ask") as asked:
        assert asked.wait_end() == 0, asked.stderr
    (line,) = asked.stdout.splitlines()
    found = json.loads(line)
    # The first boot brought the image to the host only once it had ended: both began without it.
    assert (found["image"], found["absent"], found["absent_median_s"], found["resident"]) == ("image-1", 2, 42.5, 0)
