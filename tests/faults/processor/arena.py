"""One log, one group, one bucket, and processors that come to harm."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tests.faults.processor import runner
from tests.services.testing import Bucket, Topics
from tests.support.events import Event
from tests.support.influx_rows import read_points
from tests.support.kafka import committed, header, read_all
from tests.support.process import wait_until

# Forked from a process that has loaded everything already: a start costs a tenth.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.faults.processor.runner"])

ROOT = Path(__file__).parents[3]
MEASUREMENTS = ("precache_progress", "precache_operation", "precache_image")
# A record's timestamp and the partition that it goes to.
Stamped = tuple[int, int, Event]
TUNING = {"round_records": 8, "poll_s": 0.1, "transaction_timeout_ms": 3_000, "call_s": 1.0}


@dataclass
class Runner:
    """A processor's process; its log goes to a file."""

    name: str
    process: ForkServerProcess
    log: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log events of one name so far."""
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def wait_event(self, *names: str, timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait until the process has logged one of these events, and return the first one."""
        end = time.monotonic() + timeout_s
        while (
            not (found := [event for name in names for event in self.events(name)])
            and self.process.is_alive()
            and time.monotonic() < end
        ):
            time.sleep(0.1)
        assert found, f"{self.name} did not tell {names}:\n{self.log.read_text()[-4000:]}"
        return found[0]

    def wait_killed(self, timeout_s: float = 40.0) -> None:
        """Wait until the process has killed itself at its fault point."""
        assert self._end(timeout_s) == -signal.SIGKILL, self.log.read_text()[-4000:]

    def wait_stopped(self, timeout_s: float = 40.0) -> None:
        """Wait until the process lies stopped."""
        wait_until(self.is_stopped, f"{self.name} to stop", timeout_s)

    def is_stopped(self) -> bool:
        """Whether the process lies stopped, by SIGSTOP."""
        return Path(f"/proc/{self._pid()}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def _end(self, timeout_s: float) -> int | None:
        self.process.join(timeout_s)
        return self.process.exitcode

    def _pid(self) -> int:
        pid = self.process.pid
        assert pid is not None
        return pid

    def freeze(self) -> None:
        os.kill(self._pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid(), signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def stop(self, timeout_s: float = 40.0) -> None:
        """Ask the process to end; it must, cleanly."""
        self.process.terminate()
        code = self._end(timeout_s)
        if code is None:
            os.kill(self._pid(), signal.SIGUSR1)
            time.sleep(1.0)
        assert code == 0, f"{self.name} ended with {code}:\n{self.log.read_text()[-4000:]}"


@dataclass
class Arena:
    """Where a test's processors work."""

    kafka: str
    bucket: Bucket
    folder: Path
    partitions: int = 2
    operations: dict[str, str] = field(default_factory=dict)
    topics: Topics = field(default_factory=lambda: Topics(f"test-{uuid.uuid4().hex[:12]}"))
    consumer: dict[str, Any] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)
    producer: Producer | None = None

    def create(self, timestamps: str = "CreateTime") -> Self:
        """Make the topics."""
        admin = AdminClient({"bootstrap.servers": self.kafka})
        settings = {
            self.topics.notifications: {"message.timestamp.type": timestamps},
            self.topics.operations: {"cleanup.policy": "compact,delete"},
            self.topics.progress: {},
            self.topics.deadletters: {},
        }
        made = admin.create_topics(
            [NewTopic(name, self.partitions, 1, config=config) for name, config in settings.items()]
        )
        for future in made.values():
            future.result(timeout=30)
        return self

    def remove(self) -> None:
        """Remove the topics."""
        admin = AdminClient({"bootstrap.servers": self.kafka})
        there = admin.list_topics(timeout=30).topics.keys()
        for future in admin.delete_topics([name for name in self.topics.config().values() if name in there]).values():
            future.result(timeout=30)

    def alter(self, topic: str, setting: str, value: str) -> None:
        """Change a setting of a topic."""
        entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.kafka})
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(timeout=30)

    def send(self, records: Iterable[Stamped]) -> int:
        """Write records with timestamps and partitions of the test's own; return how many."""
        producer = self.producer = self.producer or Producer({"bootstrap.servers": self.kafka})
        count = 0
        for ts_ms, partition, event in records:
            producer.produce(
                self.topics.notifications, event.value, key=event.key, partition=partition, timestamp=ts_ms
            )
            count += 1
        assert producer.flush(30) == 0
        return count

    def config(self, instance: str, **more: Any) -> dict[str, Any]:
        """Return a configuration."""
        return {
            "kafka": {
                "bootstrap.servers": self.kafka,
                "group.id": self.topics.group,
                "session.timeout.ms": 1_500,
                "heartbeat.interval.ms": 300,
            }
            | self.consumer,
            "instance": instance,
            "topics": self.topics.config(),
            "store": {
                "type": "influxdb",
                "url": self.bucket.url,
                "org": self.bucket.org,
                "bucket": self.bucket.name,
                "token": self.bucket.token,
            }
            | self.store,
            "operations": self.operations,
            "http": {"listen": "127.0.0.1:0"},
        } | more

    def write_config(self, instance: str, **more: Any) -> Path:
        """Write a configuration and return where."""
        file = self.folder / f"{self.topics.prefix}-{instance}.yaml"
        file.write_text(yaml.safe_dump(self.config(instance, **more)))
        return file

    def start(self, instance: str, error: str = "", *, tuning: dict[str, Any] | None = None, **more: Any) -> Runner:
        """Start a processor; ``error`` is a fault point."""
        config = self.write_config(instance, **more)
        log = self.folder / f"{self.topics.prefix}-{instance}-{time.monotonic_ns()}.log"
        log.touch()
        process = PROCESSES.Process(target=runner.main, args=(config, TUNING | (tuning or {}), error, log))
        process.start()
        return Runner(instance, process, log)

    def rebuild_store(self, bucket: Bucket) -> None:
        """Write another bucket by `precache processor --rebuild-store`."""
        config = self.write_config("rebuild", store=self.config("x")["store"] | {"bucket": bucket.name})
        command = [sys.executable, "-m", "console", "processor", "--config", str(config), "--rebuild-store"]
        # A member that was stopped while it joined leaves only with its session; until then the command refuses.
        end = time.monotonic() + 30.0
        while True:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
            if "are running" not in done.stderr or time.monotonic() > end:
                break
            time.sleep(0.5)
        assert done.returncode == 0, done.stderr

    def next_offsets(self) -> list[int]:
        """Return the committed offset of each partition; negative where there is none; not held up by what is open."""
        settings = {"group.id": self.topics.group, "isolation.level": "read_uncommitted"}
        consumer = Consumer({"bootstrap.servers": self.kafka, **settings})
        try:
            places = [TopicPartition(self.topics.notifications, number) for number in range(self.partitions)]
            return [place.offset for place in committed(consumer, places)]
        finally:
            consumer.close()

    def decisions(self) -> list[dict[str, Any]]:
        """Return the values of precache.operations, as a reader of committed records sees them."""
        return [json.loads(record.value() or b"") for record in read_all(self.kafka, self.topics.operations)]

    def last_decisions(self) -> dict[str, dict[str, Any]]:
        """Return the last record of each operation."""
        return {record["operation"]: record for record in self.decisions()}

    def wait_final(self, operations: int, timeout_s: float = 60.0) -> None:
        """Wait until that many operations have ended, and none is open."""

        def over() -> bool:
            last = self.last_decisions()
            return len(last) == operations and all(record["final_at"] for record in last.values())

        wait_until(over, f"{operations} operations to be over", timeout_s, 0.3)

    def wait_next_offset(self, expected: Sequence[int], timeout_s: float = 60.0) -> None:
        """Wait until these offsets are committed."""
        wait_until(lambda: self.next_offsets() == list(expected), f"the next offsets {expected}", timeout_s, 0.2)

    def derived(self) -> "Derived":
        """Return the derived topics, each ce_id with its value; a ce_id that stands twice is a failure."""
        letters = sorted((reason, place) for _, reason, place in self.letters())
        return Derived(self._by_id(self.topics.progress), self._by_id(self.topics.operations), letters)

    def rows(self, bucket: Bucket | None = None) -> dict[str, list[dict[str, Any]]]:
        """Return the points and rows in the bucket."""
        place = bucket or self.bucket
        return {name: read_points(place.url, place.org, place.token, place.name, name) for name in MEASUREMENTS}

    def _by_id(self, topic: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for record in read_all(self.kafka, topic):
            identity = header(record, "ce_id")
            assert identity not in found, f"{identity} stands twice in {topic}: {record.value()!r}"
            found[identity] = record.value() or b""
        return found

    def letters(self) -> list[tuple[str, str, str]]:
        """Return the dead letters in their order: ce_id, reason, partition/offset."""
        return [
            (
                header(record, "ce_id"),
                header(record, "precache_reason"),
                header(record, "precache_origin").partition("/")[2],
            )
            for record in read_all(self.kafka, self.topics.deadletters)
        ]


@dataclass
class Derived:
    """What the derived topics hold: values by ce_id; dead letters as reason and partition/offset."""

    progress: dict[str, bytes]
    operations: dict[str, bytes]
    letters: list[tuple[str, str]]


def together(*jobs: Callable[[], None]) -> None:
    """Run jobs side by side, and raise what the first of them raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()
