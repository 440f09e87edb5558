"""InfluxDB away for longer than the group would wait for a member that does not poll."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable

from tests.faults.processor.arena import Arena
from tests.faults.processor.proxy import Proxy
from tests.support.events import Source
from tests.support.process import free_port, wait_until

NOVA = Source()
HOSTS = ["a", "b"]
MAX_POLL_S = 4.0


def readiness(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return 200, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def test_nothing_is_lost_and_no_partition_moves(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(
        partitions=2,
        operations={"grace_period": "1s"},
        consumer={"session.timeout.ms": 4_000, "max.poll.interval.ms": int(MAX_POLL_S * 1_000)},
    )
    port = free_port()
    now = int(time.time() * 1_000)
    with Proxy(arena.bucket.url) as proxy:
        arena.store = {"url": proxy.url, "timeout": "1s"}
        with arena.start("one", http={"listen": f"127.0.0.1:{port}"}) as runner:
            arena.send([(now, 0, NOVA.start(HOSTS))])
            arena.wait_next_offset([1, -1001])
            wait_until(lambda: readiness(port)[0] == 200, "the processor to be ready")
            proxy.cut()
            arena.send([(now + 1, 0, NOVA.report("a")), (now + 1, 1, Source(cloud="london").end([]))])
            wait_until(lambda: "store" in readiness(port)[1] and readiness(port)[0] == 503, "readiness to tell")
            time.sleep(2 * MAX_POLL_S)
            assert readiness(port)[0] == 503
            assert metric(port, "precache_processor_store_waiting") == 1.0
            assert metric(port, "precache_processor_store_retries_total") >= 1.0
            assert arena.next_offsets()[0] == 1, "what is not stored is not committed"
            proxy.fix()
            arena.send([(now + 2, 0, NOVA.report("b")), (now + 3, 0, NOVA.end(HOSTS))])
            arena.wait_final(2)
            wait_until(lambda: readiness(port)[0] == 200, "the processor to be ready again")
            runner.stop()
    assert len(runner.events("processor.assigned")) == 1, "no rebalance"
    assert len(runner.events("processor.store_waiting")) >= 1
    assert len(runner.events("processor.store_back")) >= 1
    rows = arena.rows()
    assert [row["host"] for row in rows["precache_progress"]] == ["a", "b"]
    assert sorted(row["status"] for row in rows["precache_operation"]) == ["completed", "completed"]
    assert len(arena.derived().progress) == 2


def test_one_answer_that_takes_longer_than_the_group_waits(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(
        partitions=1, consumer={"session.timeout.ms": 4_000, "max.poll.interval.ms": int(MAX_POLL_S * 1_000)}
    )
    now = int(time.time() * 1_000)
    with Proxy(arena.bucket.url) as proxy:
        arena.store = {"url": proxy.url, "timeout": "60s"}
        with arena.start("one") as runner:
            arena.send([(now, 0, NOVA.start(HOSTS))])
            arena.wait_next_offset([1])
            proxy.hold()
            arena.send([(now + 1, 0, NOVA.report("a")), (now + 2, 0, NOVA.report("b")), (now + 3, 0, NOVA.end(HOSTS))])
            runner.wait_event("processor.store_slow")
            # Longer than the transaction may last, too: it must not be held open meanwhile.
            time.sleep(1.5 * MAX_POLL_S)
            proxy.fix()
            arena.wait_final(1)
            runner.stop()
    assert len(runner.events("processor.assigned")) == 1, "no rebalance"
    assert runner.events("processor.starting_over") == []
    assert [row["host"] for row in arena.rows()["precache_progress"]] == HOSTS
    assert len(arena.derived().progress) == 2
