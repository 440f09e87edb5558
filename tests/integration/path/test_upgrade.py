"""A rolling upgrade from each earlier release, and back, while Nova sends: nothing missing, nothing twice."""

import random
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.faults.path import stories
from tests.faults.path.oracle import Sent, wait_right
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.nova import Message, Nova
from tests.support.process import Precache, free_port
from tests.support.stack import Stack

RELEASES = sorted((Path(__file__).parents[2] / "data" / "releases").glob("*.whl"))
# What an earlier release does not know.
NEWER_TOPICS = {"instances", "wanted"}
# What an earlier release does not write.
NEWER_KEYS = frozenset({"conductor", "global_request_id"})
OPERATIONS = {"grace_period": "2s", "stall_after": "10s", "abandon_after": "15s", "allowed_lateness": "24h"}
# As an earlier release names the keys.
OLDER_NAMES = {"grace_period": "settle", "allowed_lateness": "keep"}


@pytest.fixture
def stack(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Stack:
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.declare(durable=True)
    return made


class Service:
    """One bridge or processor, of one release at a time."""

    def __init__(self, stack: Stack, role: str, name: str, old: Path) -> None:
        self.role, self.name, self.port = role, name, free_port()
        self._folder = stack.folder
        clouds = [{"name": "paris", "topic": stack.cloud.topic}]
        if role == "bridge":
            self._new = stack.bridge_file(self.port, clouds, name)
        else:
            self._new = stack.processor_file(self.port, name, operations=OPERATIONS)
        self._package = old
        self._old = self._new.with_name(f"old-{self._new.name}")
        config = yaml.safe_load(self._new.read_text())
        config["topics"] = {role: name for role, name in config["topics"].items() if role not in NEWER_TOPICS}
        if role == "processor":
            config["operations"] = {OLDER_NAMES.get(key, key): value for key, value in OPERATIONS.items()}
        self._old.write_text(yaml.safe_dump(config))
        self.process: Precache | None = None

    def run_old(self) -> None:
        """Restart it as the earlier release."""
        code = "from console.main import main; import sys; sys.exit(main())"
        self._restart(self._old, command=(sys.executable, "-c", code), PYTHONPATH=str(self._package))

    def run_new(self) -> None:
        """Restart it as this one."""
        self._restart(self._new, command=(str(Path(sys.executable).with_name("precache")),))

    def stop(self) -> None:
        if self.process is not None:
            assert self.process.stop() == 0, self.process.stderr[-3000:]
            self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.__exit__(None, None, None)

    def _restart(self, file: Path, command: Sequence[str], **env: str) -> None:
        self.stop()
        self.process = Precache(
            [self.role, "--config", str(file)], self._folder, name=self.name, http=self.port, env=env, command=command
        )
        self.process.wait_ready(60)


def told(sent: Sent) -> Iterator[list[Message]]:
    """Yield what Nova sends, in five parts: before, between and after the four restarts."""
    cloud = stories.Cloud("paris", unreadable=False)
    stories.tell(random.Random(7), cloud, stories.Size(operations=10, many_hosts=60), sent)
    size = -(-len(cloud.messages) // 5)
    for start in range(0, len(cloud.messages), size):
        yield cloud.messages[start : start + size]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("wheel", RELEASES, ids=lambda path: path.name.split("-")[1])
def test_up_and_down_again_while_nova_sends(stack: Stack, wheel: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    zipfile.ZipFile(wheel).extractall(old)
    sent = Sent()
    parts = list(told(sent))
    assert len(parts) == 5
    nova = Nova(stack.cloud.transport_url, stack.cloud.exchange, f"{stack.cloud.topic}.info")
    nova.start()
    services = [Service(stack, role, f"{role}-{number}", old) for role in ("processor", "bridge") for number in (1, 2)]
    with ExitStack() as ending:
        for service in services:
            ending.callback(service.kill)
            service.run_old()
        nova.send(parts[0])
        for restart, part in zip((Service.run_new, Service.run_old, Service.run_new), parts[1:4], strict=True):
            for number, service in enumerate(services):
                share = -(-len(part) // len(services))
                nova.send(part[number * share : (number + 1) * share])
                restart(service)
        nova.send(parts[4])
        nova.end()
        wait_right(stack, sent, 90, without=NEWER_KEYS)
        for service in services:
            service.stop()
