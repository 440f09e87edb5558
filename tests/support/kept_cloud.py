"""A cloud for the keeper: Nova's API as a small HTTP server, and its notifications in a real Kafka."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from confluent_kafka import Producer
from msgspec import to_builtins

from precache.contract.heartbeat import Heartbeat, HeartbeatCounts
from precache.contract.times import rfc3339_us
from precache.contract.topics import BRIDGE_TYPE
from tests.faults.processor.arena import ROOT, Arena
from tests.support.events import Event, Source
from tests.support.kafka import read_all
from tests.support.openstack import Asked, FakeOpenStack, aggregate, service
from tests.support.process import wait_until

CLOUD: Final = "paris"
AGGREGATES: Final = {
    "web": "11111111-1111-4111-8111-111111111111",
    "db": "22222222-2222-4222-8222-222222222222",
}
UBUNTU: Final = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"
DEBIAN: Final = "8f1d2c5e-9a0b-4d3f-b6a7-0c1e2d3f4a5b"
PROGRAM: Final = """
import sys
from pathlib import Path
from keeper.config import KeeperConfig
from keeper import service
from keeper.reload import ConfigFile
from precache.config import load
from precache.runtime import logs
from precache.runtime.shutdown import Stop
stop = Stop().on_signals()
logs.configure("json")
path = Path(sys.argv[1])
service.run(ConfigFile(path, load(path, KeeperConfig)).on_hangup(), stop, every_s=0.5)
"""


@dataclass
class KeptCloud:
    """One cloud with two aggregates and two images.

    Attributes:
        arena: Kafka's topics, and the processor's place.
        nova: the API.
        store: the `store` block of the processor, and of the keeper.
        failing: how often a host fails from now on.
        deaf: what is asked leaves no trace: Nova took it, and sends nothing.
        on_request: called with each request before it is answered.
        keepers: the processes that were started here.
    """

    arena: Arena
    nova: FakeOpenStack
    folder: Path
    store: dict[str, Any]
    failing: dict[str, int] = field(default_factory=dict)
    deaf: bool = False
    on_request: Callable[[Asked], None] = lambda _asked: None
    keepers: "list[KeeperProcess]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nova.aggregates = [
            aggregate(number, each, name, [f"{name}-1", f"{name}-2"])
            for number, (name, each) in enumerate(AGGREGATES.items(), start=1)
        ]
        self.nova.services = [service(f"{name}-{number}") for name in AGGREGATES for number in (1, 2, 3)]
        self.nova.images = [
            {"id": UBUNTU, "name": "ubuntu", "status": "active", "created_at": "2026-01-01T00:00:00Z"},
            {"id": "older", "name": "ubuntu", "status": "active", "created_at": "2025-01-01T00:00:00Z"},
            {
                "id": DEBIAN,
                "name": "d",
                "status": "active",
                "created_at": "2026-01-01T00:00:00Z",
                "os_distro": "debian",
            },
        ]
        self.nova.on_ask = self._take
        self._producer = Producer({"bootstrap.servers": self.arena.kafka})
        self._beats = threading.Event()
        self.nova.clouds_yaml(self.folder, "paris-admin")

    def asked(self, aggregate_name: str, image: str = UBUNTU) -> list[Asked]:
        """Return the requests for an image on an aggregate that came, refused ones included."""
        number = 1 + list(AGGREGATES).index(aggregate_name)
        path = f"/compute/v2.1/os-aggregates/{number}/images"
        return [each for each in self.nova.asked if each.path == path and each.images == [image]]

    def hosts(self, aggregate_name: str) -> list[str]:
        """Return the hosts of an aggregate, to be changed."""
        found: list[str] = next(each for each in self.nova.aggregates if each["name"] == aggregate_name)["hosts"]
        return found

    def join(self, aggregate_name: str, host: str) -> None:
        """Have a host join an aggregate; Nova sends that, too."""
        self.hosts(aggregate_name).append(host)
        source = Source(CLOUD, AGGREGATES[aggregate_name])
        self._send(source.key, {"event_type": "aggregate.add_host.end"}, "org.openstack.nova.aggregate.add_host.end")

    @contextmanager
    def bridge(self) -> Iterator[None]:
        """Have heartbeats come, one a second."""
        self._beats.clear()
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._beats.set()
            thread.join()

    def config(self, wanted: list[dict[str, Any]], instance: str = "keeper-1", **cloud: Any) -> Path:
        """Write `keep.yaml`, and return where."""
        cloud = {"name": CLOUD, "os_cloud": "paris-admin", "purge_after": "1h"} | cloud
        content = {
            "kafka": {
                "bootstrap.servers": self.arena.kafka,
                "group.id": f"{self.arena.topics.prefix}.keeper",
                "session.timeout.ms": 6_000,
            },
            "topics": self.arena.topics.config(),
            "store": self.store,
            "operators": {"clouds": [cloud]},
            "wanted": [{"cloud": CLOUD, "margin": "1m", "joined_after": "0s"} | each for each in wanted],
            "instance": instance,
            "http": {"listen": "127.0.0.1:0"},
        }
        file = self.folder / f"{instance}.yaml"
        file.write_text(yaml.safe_dump(content))
        return file

    def keeper(self, file: Path) -> "KeeperProcess":
        """Start a keeper as a process, with rounds twice a second."""
        self.keepers.append(start_keeper(file, self.folder / "clouds.yaml"))
        return self.keepers[-1]

    def _take(self, asked: Asked) -> str:
        """Do what Nova does with a request: tell of it, host by host."""
        self.on_request(asked)
        request = f"req-{uuid.uuid4()}"
        if not self.deaf:
            threading.Thread(target=self._tell, args=(asked, request), daemon=True).start()
        return request

    def _tell(self, asked: Asked, request: str) -> None:
        number = int(asked.path.split("/")[-2])
        found = self.nova.aggregates[number - 1]
        source, hosts = Source(CLOUD, found["uuid"], request, found["name"]), list(found["hosts"])
        self._notify(source.start(hosts), asked)
        for index, host in enumerate(hosts, start=1):
            fails = self.failing.get(host, 0) > 0
            if fails:
                self.failing[host] -= 1
            cached, failed = ([], asked.images) if fails else (asked.images, [])
            self._notify(source.report(host, cached, failed, index=index, total=len(hosts)), asked)
        self._notify(source.end(hosts), asked)

    def _notify(self, event: Event, asked: Asked) -> None:
        body = {**event.body, "timestamp": rfc3339_us(time.time_ns())}
        body["context"] = {**body["context"], "global_request_id": asked.global_request_id}
        body["message_id"] = str(uuid.uuid4())
        self._send(event.key, body, f"org.openstack.nova.{body['event_type']}")

    def _beat(self) -> None:
        while not self._beats.wait(1.0):
            counts = HeartbeatCounts(received=1, forwarded=1, deadlettered=0, in_flight=0)
            now = rfc3339_us(time.time_ns())
            beat = Heartbeat(
                cloud=CLOUD, instance="bridge-1", version="1", state="running", timestamp=now, counts=counts
            )
            self._send(CLOUD.encode(), to_builtins(beat), BRIDGE_TYPE)

    def _send(self, key: bytes, body: dict[str, Any], kind: str) -> None:
        self._producer.produce(
            self.arena.topics.notifications, json.dumps(body).encode(), key, headers=[("ce_type", kind.encode())]
        )
        assert self._producer.flush(30) == 0


def image(identity: str, name: str, created_at: str = "2026-01-01T00:00:00Z", **properties: str) -> dict[str, str]:
    """Return an image as Glance shows it."""
    return {"id": identity, "name": name, "status": "active", "created_at": created_at, **properties}


def last_records(kafka: str, topic: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the last record of `precache.wanted` for each aggregate's name and image."""
    found = {}
    for message in read_all(kafka, topic):
        record = json.loads(message.value() or b"{}")
        found[record["aggregate_name"], record["image"]] = record
    return found


def start_keeper(file: Path, clouds_yaml: Path) -> "KeeperProcess":
    """Start a keeper as a process, with rounds twice a second; its log lies beside its file."""
    log = file.with_name(f"{file.stem}-{uuid.uuid4().hex[:6]}.log")
    environ = os.environ | {"OS_CLIENT_CONFIG_FILE": str(clouds_yaml)}
    with log.open("w") as output:
        command = [sys.executable, "-c", PROGRAM, str(file)]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=output, stdout=output)
    return KeeperProcess(process, log)


@dataclass
class KeeperProcess:
    """A keeper's process, and its log."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log events of one name."""
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def wait_event(self, name: str, timeout_s: float = 40.0) -> None:
        """Wait until it has logged an event."""
        wait_until(lambda: bool(self.events(name)), f"{name} in\n{self.log.read_text()[-3000:]}", timeout_s)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Have it end; it must, cleanly."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log.read_text()[-3000:]
