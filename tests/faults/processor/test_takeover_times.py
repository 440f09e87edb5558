"""How long a processor is away: killed, stopped, killed within a transaction; with the settings that users have.

Each test measures from the fault until records that were sent after it are committed, or until the one that was started
again is ready. The bounds of `make test` leave room for a loaded machine; `make soak` prints medians.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.faults.processor.arena import Arena
from tests.services.testing import Bucket, Servers
from tests.support.events import Event, Source
from tests.support.process import Precache, free_port, wait_until

NOTHING = Event(b"paris", {"event_type": "something.else"})
NOVA, OTHER = Source(), Source(request="req-2")
HOSTS = ["a", "b"]
# A machine that runs other tests, too, may take that many times longer.
LOAD = 3.0
RUNS = 5


class Site:
    """Processors as users run them, on one log."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.sent = 0

    def start(self, instance: str, error: str = "") -> Precache:
        """Start `precache processor`."""
        port = free_port()
        kafka = {"bootstrap.servers": self.arena.kafka, "group.id": self.arena.topics.group} | self.arena.consumer
        config = self.arena.write_config(instance, kafka=kafka, http={"listen": f"127.0.0.1:{port}"})
        return Precache(
            ["processor", "--config", str(config)],
            self.arena.folder,
            name=instance,
            env={"PRECACHE_FAULT": error},
            http=port,
        )

    def send(self, event: Event = NOTHING) -> None:
        """Write a record to every partition."""
        self.arena.send([(0, number, event) for number in range(self.arena.partitions)])
        self.sent += 1

    def wait_committed(self) -> None:
        """Wait until all that was sent is committed."""
        self.arena.wait_next_offset([self.sent] * self.arena.partitions)

    def work(self) -> None:
        """Send a record to every partition, and wait until they are processed."""
        self.send()
        self.wait_committed()


@pytest.fixture
def make_site(servers: Servers, bucket: Bucket, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Arena] = []

    def make(partitions: int = 4, **consumer: str) -> Site:
        arena = Arena(servers.kafka, bucket, tmp_path, partitions, consumer=consumer).create("LogAppendTime")
        made.append(arena)
        return Site(arena)

    yield make
    for arena in made:
        arena.remove()


def share_of(processor: Precache) -> float:
    return processor.metrics()['precache_processor_partitions{state="ready"}']


def wait_shared(one: Precache, two: Precache) -> None:
    """Wait until two processors have two of the four partitions each."""
    wait_until(lambda: all(each.ready()[0] and share_of(each) == 2 for each in (one, two)), "a share each", 60)


def killed_and_started_again(site: Site) -> float:
    """Return how long after its start a killed processor is ready, with its own partitions and beside another."""
    with site.start("one").wait_ready() as one, site.start("two") as two:
        wait_shared(one, two)
        site.work()
        one.kill()
        began = time.monotonic()
        with site.start("one") as again:
            # A member that the group gave nothing yet is ready, too.
            wait_until(lambda: again.ready()[0] and share_of(again) == 2, "its share", 90)
            took_s = time.monotonic() - began
            site.work()
            assert two.events("processor.revoked") == two.events("processor.lost") == []
    return took_s


def killed_beside_another(site: Site) -> float:
    """Return how long it takes until another processor has processed what was a killed one's."""
    with site.start("one").wait_ready() as one, site.start("two") as two:
        wait_shared(one, two)
        site.work()
        one.kill()
        began = time.monotonic()
        site.work()
    return time.monotonic() - began


def stopped_beside_another(site: Site) -> float:
    """Return how long it takes from SIGTERM until another processor has processed what was the stopped one's."""
    with site.start("one").wait_ready() as one, site.start("two") as two:
        wait_shared(one, two)
        site.work()
        began = time.monotonic()
        one.process.send_signal(signal.SIGTERM)
        site.send()
        site.wait_committed()
        took_s = time.monotonic() - began
        assert one.wait_end() == 0
    return took_s


def within(site: Site, successor: str) -> float:
    """Return how long it takes until a successor has processed what a killed one had sent, but not committed."""
    with site.start("one", "step4:inside:kill:2").wait_ready() as one:
        site.send(NOVA.start(HOSTS))
        site.wait_committed()
        with site.start("two") if successor == "two" else nullcontext() as beside:
            if beside is not None:
                wait_until(lambda: beside.events("processor.assigned"), "the other one to join")
            site.send(NOVA.report("a"))
            assert one.wait_end() == -signal.SIGKILL
            began = time.monotonic()
            with site.start("one") if successor == "one" else nullcontext():
                site.wait_committed()
                took_s = time.monotonic() - began
                site.send(NOVA.report("b"))
                site.send(NOVA.end(HOSTS))
                site.arena.wait_final(1)
    assert [record["status"] for record in site.arena.decisions()] == ["running", "completed"]
    assert len(site.arena.derived().progress) == 2
    return took_s


class Case(NamedTuple):
    """What is measured, on how many partitions, and what is promised on a machine that does nothing else."""

    what: str
    partitions: int
    measure: Callable[[Site], float]
    promised_s: float


CASES = [
    Case("killed and started again: from the start to ready", 4, killed_and_started_again, 3.0),
    Case("killed: to another's first commit", 4, killed_beside_another, 15.0),
    Case("SIGTERM: to another's first commit", 4, stopped_beside_another, 3.0),
    Case("killed within a transaction, started again: to its first commit", 1, partial(within, successor="one"), 3.0),
    Case("killed within a transaction: to another's first commit", 1, partial(within, successor="two"), 15.0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_takes_no_longer(make_site: Callable[..., Site], case: Case) -> None:
    assert case.measure(make_site(case.partitions)) < case.promised_s * LOAD


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_takes_no_longer_as_a_rule(
    make_site: Callable[..., Site], capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    took_s = sorted(case.measure(make_site(case.partitions)) for _ in range(RUNS))
    with capsys.disabled():
        told = f"{case.what}: median {median(took_s):.1f} s of {RUNS} ({took_s[0]:.1f} to {took_s[-1]:.1f} s)"
        print(f"\n{told}")  # noqa: T201 - the figures of a long run
    assert median(took_s) < case.promised_s


def test_two_of_one_name(make_site: Callable[..., Site]) -> None:
    site = make_site()
    with site.start("one").wait_ready() as one:
        site.work()
        with site.start("one") as other:
            code = one.wait_end(30)
            other.wait_ready()
            site.work()
            assert other.stop() == 0
    assert code == 1
    assert "another processor uses the name 'one'" in one.stderr
    (event,) = one.events("processor.replaced")
    assert event["level"] == "error"
    assert other.events("processor.replaced") == []
