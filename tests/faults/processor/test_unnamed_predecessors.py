"""A processor that dies within its first transaction on a partition, before any commit bears its name."""

import time
from collections.abc import Callable

from tests.faults.processor.arena import Arena
from tests.support.events import Event

S_MS = 1_000
NOTHING = Event(b"paris", {"event_type": "something.else"})
# Kafka ends the transaction only after this; whoever knows the processor need not wait for that.
TRANSACTION_MS = 60_000


def test_who_was_a_member_beside_it_ends_its_transaction(make_arena: Callable[..., Arena]) -> None:
    arena = make_arena(partitions=2, consumer={"session.timeout.ms": 3_000})
    tuning = {"transaction_timeout_ms": TRANSACTION_MS}
    now = int(time.time() * S_MS)
    with arena.start("one", tuning=tuning) as one:
        one.wait_event("processor.rebuilt")
        arena.send([(now, 0, NOTHING), (now, 1, NOTHING)])
        arena.wait_next_offset([1, 1])
        with arena.start("two", "step4:inside:kill", tuning=tuning) as two:
            two.wait_killed()
        arena.send([(now, 0, NOTHING), (now, 1, NOTHING)])
        arena.wait_next_offset([2, 2], TRANSACTION_MS / S_MS / 2)
        (fenced,) = one.events("processor.predecessor_fenced")
        assert fenced["predecessor"] == f"{arena.topics.group}-two"
        one.stop()
