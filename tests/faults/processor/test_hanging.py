"""Asked to stop while a server takes the question and does not answer."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.processor.arena import Arena
from tests.faults.processor.impatient import IMPATIENT
from tests.faults.processor.proxy import Proxy
from tests.services.kafka import Node
from tests.support.events import Source
from tests.support.process import wait_until

NOVA = Source()
HOSTS = ["a", "b"]
# What it takes to end a process on a loaded machine.
MARGIN_S = 2.0
# With more than that, it gives up the commit in time to leave in good order.
LEAVING_S = 4


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A Kafka that may be paused: nobody else uses it."""
    with Node(tmp_path_factory.mktemp("kafka"), properties=IMPATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def impatient_kafka(node: Node) -> str:
    return node.bootstrap_servers


@pytest.mark.parametrize("shutdown_s", [2, 8])
def test_a_commit_that_kafka_leaves_unanswered(make_arena: Callable[..., Arena], node: Node, shutdown_s: int) -> None:
    arena = make_arena(partitions=1, operations={"grace_period": "1s"})
    now = int(time.time() * 1_000)
    with arena.start("one", "step4:before:stop:2", shutdown_timeout=f"{shutdown_s}s") as runner:
        runner.wait_event("processor.rebuilt")
        arena.send([(now, 0, NOVA.start(HOSTS))])
        # A first commit that is tried again, on a loaded machine, is the second one: it stops there with START.
        wait_until(lambda: runner.is_stopped() or arena.next_offsets() == [1], "the first commit", 60)
        arena.send([(now, 0, NOVA.report("a"))])
        runner.wait_stopped()
        node.pause()
        try:
            runner.thaw()
            time.sleep(1.0)
            began = time.monotonic()
            runner.stop()
            took_s = time.monotonic() - began
        finally:
            node.resume()
    assert took_s < shutdown_s + MARGIN_S
    assert runner.events("processor.stopped") or (shutdown_s < LEAVING_S and runner.events("processor.hanging"))
    arena.send([(now, 0, NOVA.report("b")), (now, 0, NOVA.end(HOSTS))])
    with arena.start("two") as successor:
        arena.wait_final(1)
        successor.stop()
    assert len(arena.derived().progress) == 2
    assert [row["host"] for row in arena.rows()["precache_progress"]] == HOSTS


@pytest.mark.parametrize("when", ["at start", "at work"])
def test_a_store_that_does_not_answer(make_arena: Callable[..., Arena], when: str) -> None:
    arena = make_arena(partitions=1)
    with Proxy(arena.bucket.url) as proxy:
        if when == "at start":
            proxy.hold()
        arena.store = {"url": proxy.url, "timeout": "60s"}
        with arena.start("one", shutdown_timeout="1s") as runner:
            runner.wait_event("processor.starting")
            if when == "at work":
                runner.wait_event("processor.rebuilt")
                proxy.hold()
                arena.send([(int(time.time() * 1_000), 0, NOVA.report("a"))])
            time.sleep(1.0)
            began = time.monotonic()
            runner.stop()
            took_s = time.monotonic() - began
        proxy.fix()
    assert took_s < 1.0 + MARGIN_S
    assert len(runner.events("processor.hanging")) == 1
