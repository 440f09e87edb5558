"""`precache simulate` as a process: what its clouds publish goes the whole path; a RabbitMQ that is away ends it."""

from pathlib import Path

import pytest
import yaml

from console.simulator.clouds import requests
from console.simulator.rounds import topic_of
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.process import Precache, free_port, wait_until
from tests.support.stack import Stack

ROOT = Path(__file__).parents[3]
CLOUDS = sorted({request.cloud for request in requests()})


@pytest.fixture
def stack(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Stack:
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.make_topics()
    return made


@pytest.mark.timeout(120)
def test_its_operations_go_the_whole_path(stack: Stack) -> None:
    clouds = [{"name": name, "topic": topic_of(name), "exchange": "nova"} for name in CLOUDS]
    args = ["simulate", "--once", "--transport-url", stack.cloud.transport_url]
    with stack.precache(*args) as simulator:
        wait_until(lambda: "round 1" in simulator.stdout, "the first round")
        # As Nova does, the simulator declares the queues.
        with stack.bridge_of(clouds), stack.processor(operations={"grace_period": "1s"}):
            assert simulator.wait_end() == 0, simulator.stderr
            wait_until(lambda: len(finals(stack)) == len(requests()), "all results", 40)
    assert simulator.stdout == "round 1: 4 operations in paris, rome, oslo\n"
    assert sorted(finals(stack)) == [
        ("oslo", "completed", 0, 0),
        ("oslo", "completed", 0, 0),
        ("paris", "completed_with_errors", 8, 0),
        ("rome", "completed_with_errors", 1, 1),
    ]


@pytest.mark.timeout(120)
def test_start_on_its_apis(stack: Stack, tmp_path: Path) -> None:
    """As with the compose file's own clouds.yaml: a request of an operator's goes through the simulated Nova."""
    port = free_port()
    clouds = yaml.safe_load((ROOT / "config" / "compose" / "clouds.yaml").read_text().replace("8774", str(port)))
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(clouds))
    environ = {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}
    url = stack.cloud.transport_url
    with stack.precache("simulate", "--api", f"127.0.0.1:{port}", "--transport-url", url) as simulator:
        wait_until(lambda: "round 1" in simulator.stdout, "the first round")
        with stack.bridge_of([{"name": "rome", "topic": topic_of("rome"), "exchange": "nova"}]), stack.processor():
            config = str(stack.processor_file(instance="reader"))
            args = ["start", "db-tier", "nginx-1.28", "--cloud", "rome", "--os-cloud", "rome", "--config", config]
            with Precache([*args, "--force"], tmp_path, name="start", env=environ) as start:
                assert start.wait_end(60) == 1, start.stderr
                assert "Completed 24 hosts, 1 errors" in start.stdout
            refused = ["start", "db-tier", "windows", "--cloud", "rome", "--os-cloud", "rome", "--config", config]
            with Precache(refused, tmp_path, name="start", env=environ) as start:
                assert start.wait_end(30) == 8, start.stderr
                assert "windows" in start.stderr
        assert "rome: asked to cache 1 images on db-tier" in simulator.stdout
        assert simulator.stop() == 0


def finals(stack: Stack) -> list[tuple[str, str, int, int]]:
    return [
        (row["cloud"], row["status"], row["hosts_failed"], row["hosts_silent"])
        for row in stack.points("precache_operation")
        if row["status"].startswith("completed")
    ]


def test_a_rabbitmq_that_is_away_ends_it_with_its_words(tmp_path: Path) -> None:
    args = ["simulate", "--transport-url", "rabbit://precache:hush@127.0.0.1:1/"]
    with Precache(args, tmp_path, name="simulate") as simulator:
        assert simulator.wait_end(30) == 1
        assert "127.0.0.1:1" in simulator.stderr
        assert "hush" not in simulator.stderr
        assert "Traceback" not in simulator.stderr
