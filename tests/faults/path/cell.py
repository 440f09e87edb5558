"""One cell of the matrix: an operation in the middle of which a server goes away, and who goes on, and when."""

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.faults.path.oracle import Sent, wait_right
from tests.support.events import Event, Source
from tests.support.kafka import follow, header
from tests.support.nova import Nova, message
from tests.support.process import Precache, comes_true, wait_until
from tests.support.stack import Stack

# From the server's return on. Where more runs than there are processors for, each gets its share alone.
GOAL_S: Final = 10.0
_MOST_STRETCHED: Final = 2.5
_HOSTS: Final = 12
# Its last report comes after the server's return; a stall or an end must not come before.
TIMERS: Final = {"grace_period": "1s", "stall_after": "10m", "abandon_after": "1h"}
# What `/readyz` says meanwhile; whoever does not stand here has no use for that server, and stays ready.
REASONS: Final = {
    ("bridge", "rabbitmq"): "paris.*(RabbitMQ|connection|answer|no round has ended)",
    ("bridge", "kafka"): "paris.*Kafka",
    ("processor", "kafka"): "Kafka|no round has ended",
    ("processor", "influxdb"): "store|no round has ended",
}


def goal_s(longer_s: float = 0.0) -> float:
    """Return how long going on may take now; never so long that it hides a client that waits for a minute."""
    share = os.getloadavg()[0] / (os.cpu_count() or 1)
    return (GOAL_S + longer_s) * min(max(1.0, share), _MOST_STRETCHED)


@dataclass
class Cell:
    """The path from RabbitMQ to the store and to an operator's terminal, with one operation on it.

    Attributes:
        stack: the cloud, the topics, the bucket.
        server: which server is disturbed.
        recovery_s: by subject, the seconds from the server's return until it had done all that it was sent.
    """

    stack: Stack
    server: str
    recovery_s: dict[str, float] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    sent: Sent = field(default_factory=Sent)
    # By operation, how many of its hosts have reported.
    done: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator["Cell"]:
        """Start the processes; stop them in good order unless something failed."""
        self.stack.declare(durable=True)
        key = f"{self.stack.cloud.topic}.info"
        with ExitStack() as stack:
            self.bridge = stack.enter_context(self.stack.bridge())
            self.processor = stack.enter_context(self.stack.processor(operations=TIMERS))
            self.nova = Nova(self.stack.cloud.transport_url, self.stack.cloud.exchange, key)
            self.nova.start()
            self.source, self.unseen = (Source(request=f"req-{uuid.uuid4()}") for _ in range(2))
            self.watch = stack.enter_context(self._watch())
            self.watch.wait_text("atching", 60)
            yield self
            self.nova.end()
            assert [self.bridge.stop(), self.processor.stop()] == [0, 0]

    def _watch(self) -> Precache:
        """Start a watch on the server that is disturbed; on Kafka, where it is the store, which no watch needs."""
        if self.server == "rabbitmq":
            cloud = self.stack.cloud
            place = [
                "--transport-url",
                self.stack.transport_url(),
                "--exchange",
                cloud.exchange,
                "--topic",
                cloud.topic,
            ]
            place += ["--cloud", "paris", "--operation", self.unseen.operation]
        else:
            place = ["--config", str(self.stack.folder / "processor-central-1.yaml")]
            place += ["--operation", self.source.operation]
        return self.stack.precache("watch", *place)

    # What Nova sends

    def begin(self) -> None:
        """Send the beginning of the operation, and see it in the store."""
        self._send(self.source, _HOSTS // 3)
        if self.server == "rabbitmq":
            self._send(self.unseen, _HOSTS // 3)
            self.watch.wait_text(f"host {_HOSTS // 3}:")
        operations = 1 + (self.server == "rabbitmq")
        wait_until(lambda: len(self.stack.points("precache_operation")) == operations, "the operation in the store")
        wait_until(self.stack.is_at_the_end, "its offsets to be committed")

    def meanwhile(self, seconds: float, notices: frozenset[str]) -> None:
        """Send what comes while the server is away, and look at what the others say of it.

        Args:
            seconds: for which it is away.
            notices: who has to notice it in that time.
        """
        end = time.monotonic() + seconds
        self._send(self.source, 2 * _HOSTS // 3)
        while time.monotonic() < end:
            for name, process in (("bridge", self.bridge), ("processor", self.processor)):
                self._look(name, process)
            time.sleep(0.25)
        missing = {name for name in notices if (name, self.server) in REASONS} - self.told.keys()
        assert not missing, f"{missing} did not say within {seconds} s that {self.server} is away"
        if notices:
            self._check_lag()

    def _look(self, name: str, process: Precache) -> None:
        """Look at what a process reports: once it has said that the server is away, it says so until its return."""
        ready, said = process.ready()
        reason = REASONS.get((name, self.server))
        if not ready and re.search(reason or "(?!)", said, re.DOTALL):
            self.told[name] = said
        assert ready or reason, f"{name} has no use for {self.server}, and says {said}"
        assert not ready or name not in self.told, f"{name} is ready, though {self.server} is still away"

    def _check_lag(self) -> None:
        """Compare what the processor says is left with what Kafka has, while a server is away.

        Where Kafka itself is away, nothing more can come: what was left before is what is left.
        """

        def left() -> int:
            return 0 if self.server == "kafka" else self.stack.lag()

        assert (left() > 0) == (self.server == "influxdb"), f"{left()} records are left while {self.server} is away"
        # Kafka is asked every five seconds.
        assert comes_true(lambda: self.lag() == left(), 8.0), f"{left()} records are left, and it says {self.lag()}"

    def finish(self, longer_s: float = 0.0) -> None:
        """Send the rest once the server is back, and take the time until each has done its part.

        Args:
            longer_s: what the group may need on top, to notice that a member or a broker is gone.
        """
        began, limit_s = time.monotonic(), goal_s(longer_s)
        self._send(self.source, _HOSTS)
        jobs: dict[str, Callable[[float], None]] = {
            "bridge": self._forwarded, "processor": self._stored, "watch": self._watched
        }  # fmt: skip
        with ThreadPoolExecutor(len(jobs)) as pool:
            running = {name: pool.submit(self._timed, began, job, 3 * limit_s) for name, job in jobs.items()}
            self.recovery_s = {name: done.result() for name, done in running.items()}
        late = {name: took for name, took in self.recovery_s.items() if took > limit_s}
        assert not late, f"seconds after {self.server} was back, at most {limit_s:.0f}: {late}"
        wait_right(self.stack, self.sent, 60)
        wait_until(lambda: self.lag() == 0, "the processor to report that nothing is left")

    def lag(self) -> float:
        """Return how many records the processor says it has yet to process."""
        return sum(value for name, value in self.processor.metrics().items() if "lag_records{" in name)

    def _timed(self, began: float, job: Callable[[float], None], timeout_s: float) -> float:
        job(timeout_s)
        return time.monotonic() - began

    def _forwarded(self, timeout_s: float) -> None:
        missing = {event.body["message_id"] for event in self._events(self.source, 0, _HOSTS)}
        with closing(follow(self.stack.servers.kafka, self.stack.topics.notifications, timeout_s)) as records:
            while missing and (record := next(records, None)):
                missing.discard(header(record, "ce_id"))
        assert not missing, f"the bridge did not forward {len(missing)} notifications within {timeout_s:.0f} s"
        self.bridge.wait_ready(timeout_s)

    def _stored(self, timeout_s: float) -> None:
        def is_stored() -> bool:
            rows = self.stack.points("precache_operation")
            return any(row["operation"] == self.source.operation and row["status"] == "completed" for row in rows)

        wait_until(is_stored, f"the operation's end in the store; lag {self.lag()}", timeout_s)
        self.processor.wait_ready(timeout_s)

    def _watched(self, timeout_s: float) -> None:
        if self.server == "rabbitmq":
            # What Nova sends while it is not listening, it does not see.
            wait_until(self._is_listening, "the watch to listen again", timeout_s)
            self._send(self.unseen, _HOSTS)
        assert self.watch.wait_end(timeout_s) == 0, self.watch.stderr
        assert f"host {_HOSTS}: 100% complete (0 errors)\nCompleted {_HOSTS} hosts, 0 errors" in self.watch.stdout

    def _is_listening(self) -> bool:
        """Whether a queue beside the bridge's hears of notifications."""
        path = f"exchanges/{{vhost}}/{self.stack.cloud.exchange}/bindings/source"
        status, bindings = self.stack.cloud.api("GET", path)
        return status == 200 and len(bindings) > 1

    def _events(self, source: Source, first: int, last: int) -> list[Event]:
        hosts = [f"host{number}" for number in range(_HOSTS)]
        reports = [source.report(host, index=place, total=_HOSTS) for place, host in enumerate(hosts, 1)]
        start = [source.start(hosts)] if first == 0 else []
        return start + reports[first:last] + ([source.end(hosts)] if last == _HOSTS else [])

    def _send(self, source: Source, last: int) -> None:
        """Send what happens until that many hosts have reported."""
        events = self._events(source, self.done.get(source.operation, 0), last)
        self.done[source.operation] = last
        self.sent.add(events)
        self.nova.send(message(event) for event in events)
