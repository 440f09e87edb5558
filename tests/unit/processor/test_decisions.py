"""What is read back of precache.operations: what is over costs a digest, and what is not ours is passed over."""

from typing import Any, cast

import msgspec
import pytest
from confluent_kafka import Message
from msgspec import structs

from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.rebuilding import Decisions
from tests.unit.processor.events import Source

TIMERS = Timers(keep_ms=10)


class Value:
    """A record of which only the value is asked."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def value(self) -> bytes:
        return self._value


def message(value: object) -> Message:
    return cast("Message", Value(value if isinstance(value, bytes) else msgspec.json.encode(value)))


def decided(count: int) -> list[dict[str, Any]]:
    """Return the records of operations that begin at 0, 1, 2 ...: two of each, open and final."""
    partition, out = Partition(TIMERS), Effects()
    for number in range(count):
        for event in (Source(request=f"req-{number}").start(["a"]), Source(request=f"req-{number}").end(["a"])):
            partition.apply(1_000, number, event.key, event.value, out)
    partition.advance(100_000, out)
    return [structs.asdict(decision.record) for decision in out.decisions]


def test_what_began_before_low_costs_a_digest_and_is_late() -> None:
    decisions = Decisions(low=4)
    records = decided(6)
    passed = [decisions.take(message(record)) for record in records]
    assert [record is not None for record in passed] == [record["first_offset"] < 4 for record in records]
    assert {record.first_offset for record in decisions.records.values()} == {4, 5}
    assert all(record.status == "completed_with_errors" for record in decisions.records.values()), "the last ones"
    assert (len(decisions.closed), len(decisions), decisions.unreadable) == (4, 6, 0)
    assert {len(digest) for digest in decisions.closed} == {16}
    partition, out = Partition(TIMERS), Effects()
    partition.restore(decisions.records.values(), 4, decisions.closed)
    partition.resume()
    for offset, request in enumerate(("req-0", "req-3", "req-4"), 20):
        event = Source(request=request).report("a")
        partition.apply(1_000, offset, event.key, event.value, out)
    assert [refused.reason for refused in out.refused] == ["late", "late"]
    assert [operation.request_id for operation in partition.operations()] == ["req-4", "req-5"]


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"{",
        lambda _: b"",
        lambda _: [1],
        lambda _: {},
        lambda record: {key: value for key, value in record.items() if key != "sequence"},
        lambda record: record | {"first_offset": "0"},
        lambda record: record | {"status": "finished"},
        lambda record: record | {"status": []},
        lambda record: record | {"operation": "another/one/too"},
        lambda record: record | {"request_id": 7},
    ],
)
def test_what_is_not_ours_is_counted_and_passed_over(change: Any) -> None:
    decisions = Decisions(low=0)
    assert decisions.take(message(change(decided(1)[0]))) is None
    assert (decisions.unreadable, len(decisions)) == (1, 0)
