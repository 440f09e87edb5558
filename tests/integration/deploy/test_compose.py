"""The commands of the compose file's demo, as processes on the real servers: all of precache on simulated clouds.

Compose itself and its images can't be had where the tests run. What it would start is read from the file.
"""

import json
import os
import shlex
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.process import Precache, free_port, wait_until

pytestmark = [pytest.mark.more, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
INSIDE = "/etc/precache/compose"
BIN = Path(sys.executable).parent


class Demo:
    """The demo's files in a folder, with the test's own servers, names and ports in them."""

    def __init__(self, folder: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("bridge", "processor", "keep", "web", "api")}
        self._topics = topics
        rabbit, kafka, influx = urlsplit(cloud.transport_url), servers.kafka, urlsplit(bucket.url)
        self.environ = {
            "PRECACHE_KAFKA_PORT": kafka.rpartition(":")[2],
            "PRECACHE_RABBITMQ_PORT": str(rabbit.port),
            "PRECACHE_RABBITMQ_PASSWORD": rabbit.password or "",
            "PRECACHE_INFLUX_PORT": str(influx.port),
            "PRECACHE_INFLUX_TOKEN": bucket.token,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
            "PRECACHE_SIMULATOR_URL": cloud.transport_url,
        }
        for file in (ROOT / "config" / "compose").iterdir():
            text = file.read_text().replace("8774", str(self.ports["api"]))
            text = text.replace("_PORT:-5672}/", f"_PORT:-5672}}{rabbit.path}")
            (folder / file.name).write_text(text)
        for name in ("bridge", "processor", "keep", "web"):
            self._adapt(name, bucket)

    def _adapt(self, name: str, bucket: Bucket) -> None:
        path = self.folder / f"{name}.yaml"
        config = yaml.safe_load(path.read_text())
        config["topics"] = self._topics.config() | config.get("topics", {})
        if name == "web":
            config["topics"].pop("replication_factor", None)
            config["listen"] = f"127.0.0.1:{self.ports[name]}"
        else:
            config["http"]["listen"] = f"127.0.0.1:{self.ports[name]}"
        if "group.id" in config["kafka"]:
            config["kafka"]["group.id"] = f"{self._topics.prefix}.{name}"
        if "store" in config:
            config["store"] |= {"org": bucket.org, "bucket": bucket.name}
        path.write_text(yaml.safe_dump(config))

    def start(self, service: str) -> Precache:
        """Start what compose would."""
        entry = SERVICES[service]
        words = [
            word.replace(INSIDE, str(self.folder)).replace("8774", str(self.ports["api"])) for word in entry["command"]
        ]
        command = entry.get("entrypoint") or [str(BIN / "precache")]
        port = self.ports.get(words[0])
        return Precache(words, self.folder, name=service, env=self.environ, http=port, command=command)

    def view(self, path: str) -> Any:
        """Return a page as JSON."""
        url = f"http://127.0.0.1:{self.ports['web']}{path}?format=json"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)


@pytest.fixture
def demo(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Demo:
    return Demo(tmp_path, servers, cloud, topics, bucket)


def test_everything_of_the_demo_works_together(demo: Demo) -> None:
    with ExitStack() as running:
        made = running.enter_context(demo.start("demo-topics"))
        assert made.wait_end() == 0, made.stderr
        simulator = running.enter_context(demo.start("simulator"))
        wait_until(lambda: "round 1" in simulator.stdout, "the clouds to send")
        for service in ("demo-bridge", "demo-processor", "demo-keeper"):
            running.enter_context(demo.start(service)).wait_ready()
        running.enter_context(demo.start("demo-web"))
        wait_until(lambda: is_served(demo), "the page")
        wait_until(lambda: {each["cloud"] for each in clouds(demo)} == {"paris", "rome", "oslo"}, "all clouds", 60)
        wait_until(lambda: demo.view("/")["totals"]["ended"] >= 4, "the first round's results", 60)
        wait_until(lambda: len(demo.view("/wanted")["wanted"]) == 3, "what the keeper keeps", 60)
        asked = "asked to cache 1 images on"
        wait_until(lambda: asked in simulator.stdout, f"the keeper to ask: {shlex.quote(simulator.stdout)}", 120)


def is_served(demo: Demo) -> bool:
    try:
        demo.view("/")
    except OSError:
        return False
    return True


def clouds(demo: Demo) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = demo.view("/")["clouds"]
    return [each for each in found if each["bridge"] == "alive"]
