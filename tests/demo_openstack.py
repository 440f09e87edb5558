"""`make demo-openstack`: the whole story on a real small OpenStack: ask, follow, query, boot.

Ten compute hosts, of which one fails and one hangs. Everything runs on this machine, in a folder of its own, and ends
with the demo.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import yaml
from confluent_kafka.admin import AdminClient

from tests.services.openstack import Node
from tests.services.process import wait_until
from tests.services.state import scratch_dir
from tests.support.process import Precache, free_port
from tests.support.small_openstack import SmallOpenStack

HOSTS: Final = tuple(f"cmp{number:02}" for number in range(1, 11))
FAILING, HANGING, BOOTING = HOSTS[2], HOSTS[6], HOSTS[0]
AGGREGATE: Final = "my-application"
IMAGE: Final = "ubuntu-24.04"
# Nova gives up on the hanging host after this time; its own default is half an hour.
NOVA: Final = {"DEFAULT": {"long_rpc_timeout": "20"}, "image_cache": {"precache_concurrency": "3"}}
HANG_S: Final = 40
_BOOT_S: Final = 90.0
_LOG_CHARS: Final = 6_000


class Demo:
    """One run: its cloud, its files, and what it shows."""

    def __init__(self, folder: Path, node: Node, kafka: str) -> None:
        self.folder = folder
        self.node = node
        self.kafka = kafka
        self.cloud = SmallOpenStack(node)
        self.topics = {
            role: f"demo-{os.getpid()}.{role}"
            for role in ("notifications", "progress", "operations", "deadletters", "instances", "wanted")
        }
        self.environ = os.environ | {
            "OS_CLIENT_CONFIG_FILE": str(node.clouds_yaml),
            "PRECACHE_CONFIG": str(folder / "precache.yaml"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def write_files(self) -> None:
        """Write the three configuration files, as an operator would."""
        kafka = {"bootstrap.servers": self.kafka}
        store = {"type": "sqlite", "path": str(self.folder / "precache.db")}
        cloud = {
            "name": "demo",
            "transport_url": self.node.rabbitmq.transport_url,
            "topic": "precache",
            "boots": True,
        }
        files: dict[str, Any] = {
            "bridge.yaml": {"kafka": kafka, "topics": self.topics, "clouds": [cloud]},
            "processor.yaml": {"kafka": kafka, "topics": self.topics, "store": store, "instance": "demo"},
            "precache.yaml": {
                "kafka": kafka,
                "topics": self.topics,
                "store": store,
                "operators": {"clouds": [{"name": "demo", "os_cloud": "admin"}]},
            },
        }
        files["bridge.yaml"]["topics"] = self.topics | {"replication_factor": 1, "partitions": 2}
        for name, content in files.items():
            (self.folder / name).write_text(yaml.safe_dump(content))

    def remove_topics(self) -> None:
        """Remove the topics: Kafka outlives the demo."""
        admin = AdminClient({"bootstrap.servers": self.kafka})
        there = admin.list_topics(timeout=30).topics.keys()
        for future in admin.delete_topics([name for name in self.topics.values() if name in there]).values():
            future.result(timeout=30)

    def service(self, stack: ExitStack, name: str) -> None:
        """Start the bridge or the processor, and wait until it is ready; its log is in the demo's folder."""
        port = free_port()
        file = self.folder / f"{name}.yaml"
        config = yaml.safe_load(file.read_text()) | {"http": {"listen": f"127.0.0.1:{port}"}}
        file.write_text(yaml.safe_dump(config))
        process = Precache([name, "--config", str(file)], self.folder, name=name, http=port)
        stack.enter_context(process).wait_ready()

    def run(self, *words: str, expected: Sequence[int] = (0,)) -> int:
        """Show a command and run it, as in a terminal.

        Raises:
            SystemExit: it ended in another way than expected.
        """
        say(f"\n$ {shlex.join(words)}")
        sys.stdout.flush()
        code = subprocess.run(words, env=self.environ, cwd=self.folder, check=False).returncode
        if code not in expected:
            raise SystemExit(f"demo-openstack: {words[0]} {words[1]} ended with {code}\n{self.logs()}")
        return code

    def logs(self) -> str:
        """Return the ends of the services' logs: the folder goes with the demo."""
        return "\n".join(
            f"{each.name}:\n{each.read_text(errors='replace')[-_LOG_CHARS:]}" for each in self.folder.glob("*.err")
        )

    def boot(self, image: str, host: str) -> None:
        """Boot a server, and wait until it runs."""
        say(f"  a server on {host}")
        server = self.cloud.boot(image, host)
        if not wait_until(lambda: self.cloud.server_status(server) == "ACTIVE", _BOOT_S, pause_s=1.0):
            raise SystemExit(f"demo-openstack: the server is {self.cloud.server_status(server)}")


def say(text: str) -> None:
    """Print a line of the story."""
    print(text, flush=True)  # noqa: T201 - that is what a demo does


def main() -> int:
    """Tell the story; returns 0 when it went as it should."""
    folder = scratch_dir(os.getpid())
    say("Setting up Keystone, Glance, Placement and Nova with ten compute hosts (the first time takes some minutes).")
    Node.install()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        node = Node(folder / "openstack", hosts=HOSTS, nova=NOVA)
        stack.callback(node.kill)
        node.start()
        demo = Demo(folder, node, os.environ["PRECACHE_TEST_KAFKA"])
        stack.callback(demo.remove_topics)
        _play(demo, stack)
    return 0


def _play(demo: Demo, stack: ExitStack) -> None:
    cloud = demo.cloud
    made = cloud.ask("POST", "/os-aggregates", {"aggregate": {"name": AGGREGATE}}).checked().body["aggregate"]
    for host in HOSTS:
        cloud.ask("POST", f"/os-aggregates/{made['id']}/action", {"add_host": {"host": host}}).checked()
    image = cloud.image(name=IMAGE)
    demo.node.script(image, {"*": {"delay_s": 1}, FAILING: {"result": "error"}, HANGING: {"delay_s": HANG_S}})
    demo.write_files()
    say("\nThe cloud runs. Now the bridge (RabbitMQ to Kafka) and the processor (Kafka to the store, here SQLite).")
    demo.run("precache", "topics", "create", "--config", "bridge.yaml")
    demo.service(stack, "bridge")
    demo.service(stack, "processor")
    say("\nFirst a server on a host that does not have the image:")
    demo.boot(image, BOOTING)
    say(f"\nCache the image on all ten hosts. {FAILING} will fail, and {HANGING} will hang: Nova gives up after 20 s.")
    demo.run("precache", "start", AGGREGATE, IMAGE, "--cloud", "demo", expected=[1])
    say("\nWhat ran, and how it went:")
    demo.run("precache", "operations")
    demo.run("precache", "operation", "--last", "--hosts", "all")
    say("\nWhich images are on which hosts:")
    demo.run("precache", "residency", "--aggregate", AGGREGATE, "--image", image, "--hosts", "--live")
    say("\nA server again, now that the image is there:")
    demo.boot(image, HOSTS[1])
    time.sleep(3.0)
    say("\nWhat pre-caching bought:")
    demo.run("precache", "boots")
    say("\nThe demo ends its cloud and removes its folder.")


if __name__ == "__main__":
    sys.exit(main())
