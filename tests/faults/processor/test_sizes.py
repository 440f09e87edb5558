"""How much memory a processor takes, and how long it takes to be back: in a process of its own, from a real log."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from tests.faults.processor.arena import Arena, Runner
from tests.support.events import Source
from tests.support.process import wait_until

pytestmark = pytest.mark.timeout(1_800)

S_MS = 1_000
MIB = 1024 * 1024
TUNING = {"round_records": 5_000, "transaction_timeout_ms": 30_000, "call_s": 10.0}
LONG = {"grace_period": "1h", "stall_after": "47h", "abandon_after": "48h", "allowed_lateness": "47h"}


def source(number: int) -> Source:
    return Source(aggregate=f"00000000-0000-0000-0000-{number:012}", request=f"req-{number}")


def fill(arena: Arena, operations: int, hosts: int, reports: int) -> int:
    """Write the records of operations that stay open, partition by partition; return how many.

    The text of a report is made once for an operation: what changes in it is the host.
    """
    producer = Producer({"bootstrap.servers": arena.kafka, "queue.buffering.max.messages": 200_000, "linger.ms": 50})
    names = [f"compute-{number:04}.example.org" for number in range(hosts)]
    now = int(time.time() * S_MS)
    sent = 0
    for number in range(operations):
        one, partition = source(number), number % arena.partitions
        for key, value in _told(one, names, reports):
            while True:
                try:
                    producer.produce(arena.topics.notifications, value, key, partition, timestamp=now)
                    break
                except BufferError:
                    producer.poll(0.1)
            sent += 1
    assert producer.flush(120) == 0
    return sent


def _told(one: Source, names: list[str], reports: int) -> Iterator[tuple[bytes, bytes]]:
    yield one.key, one.start(names).value
    template = one.report("HOST", ["image-1", "image-2"], ["image-3"], total=len(names)).value
    for name in names[:reports]:
        yield one.key, template.replace(b"HOST", name.encode())


def memory(runner: Runner) -> dict[str, int]:
    """Return VmHWM (the peak) and VmRSS of a process, in bytes."""
    status = Path(f"/proc/{runner.process.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(lines[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS")}


def cpu_s(runner: Runner) -> float:
    """Return the CPU time that a process has taken, in seconds: unlike its time, it says little of its neighbours."""
    fields = Path(f"/proc/{runner.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ends(arena: Arena, sent: int) -> None:
    def processed() -> bool:
        try:
            return sum(max(0, place) for place in arena.next_offsets()) == sent
        except KafkaException:
            return False  # a coordinator that moves, or is too busy to answer

    wait_until(processed, f"{sent} records", 1_500, 2.0)


@pytest.mark.parametrize(
    ("count", "hosts", "most_bytes"),
    # The libraries alone take some 70 MB.
    [(40, 500, 125 * 10**6), pytest.param(1_000, 2_000, 400 * 10**6, marks=pytest.mark.soak)],
)
def test_open_operations_fit_into_memory(
    make_arena: Callable[..., Arena], capsys: pytest.CaptureFixture[str], count: int, hosts: int, most_bytes: int
) -> None:
    arena = make_arena(partitions=4, operations=LONG)
    sent = fill(arena, count, hosts, hosts - 1)
    began = time.monotonic()
    with arena.start("one", tuning=TUNING) as runner:
        ends(arena, sent)
        took_s = time.monotonic() - began
        live = memory(runner)
        runner.stop()
    with arena.start("one", tuning=TUNING) as runner:
        wait_until(lambda: len(runner.events("processor.rebuilt")) == arena.partitions, "the rebuild", 600, 1.0)
        again = memory(runner)
        operations = sum(event["operations"] for event in runner.events("processor.rebuilt"))
        runner.stop()
    with capsys.disabled():
        print(  # noqa: T201 - the figures of a long run
            f"\n{count} open operations x {hosts} hosts, {sent} records: peak RSS {live['VmHWM'] / MIB:.0f} MiB live "
            f"({sent / took_s:.0f} records/s), {again['VmHWM'] / MIB:.0f} MiB after a restart"
        )
    assert operations == count
    assert live["VmHWM"] < most_bytes
    assert again["VmHWM"] < most_bytes


@pytest.mark.parametrize("count", [10, pytest.param(500, marks=pytest.mark.soak)])
def test_many_records_are_replayed_in_seconds(
    make_arena: Callable[..., Arena], capsys: pytest.CaptureFixture[str], count: int
) -> None:
    arena = make_arena(partitions=1, operations=LONG)
    sent = fill(arena, count, 2_000, 1_999)
    assert sent == count * 2_000
    with arena.start("one", tuning=TUNING) as runner:
        ends(arena, sent)
        runner.stop()
    with arena.start("one", tuning=TUNING) as runner:
        rebuilt = runner.wait_event("processor.rebuilt", timeout_s=120)
        cpu = cpu_s(runner)
        runner.stop()
    with capsys.disabled():
        print(  # noqa: T201 - the figures of a long run
            f"\n{rebuilt['replayed']} records between low and next offset replayed in {rebuilt['seconds']} s "
            f"({rebuilt['replayed'] / rebuilt['seconds']:.0f} records/s); {cpu:.1f} s of CPU since its "
            f"process began, load {os.getloadavg()[0]:.1f}"
        )
    assert (rebuilt["replay_from"], rebuilt["replayed"], rebuilt["operations"]) == (0, sent, count)
    assert rebuilt["seconds"] < 10
