"""What is read back of precache.operations: what has ended costs a digest, and what is not ours is passed over."""

from typing import Any, cast

import msgspec
import pytest
from confluent_kafka import Message
from msgspec import structs

from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.group.recovery import Decisions
from tests.support.events import Source

TIMERS = Timers(allowed_lateness_ms=10)


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
    decisions = Decisions(replay_from=4)
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
        lambda record: record | {"time": "yesterday"},
        lambda record: record | {"time": ""},
        lambda record: record | {"time": "0001-01-01T00:00:00.000000000Z"},
        lambda record: record | {"time": 7},
        lambda record: record | {"first_offset": -1},
        lambda record: record | {"first_offset": True},
        lambda record: record | {"first_offset": 2},
        lambda record: record | {"sequence": "1"},
        lambda record: record | {"revision": None},
        lambda record: record | {"hosts_done": 2**63},
        lambda record: record | {"hosts_total": 1.5},
        lambda record: record | {"percent": "100"},
        lambda record: record | {"images": "image-1"},
        lambda record: record | {"silent_hosts": [1]},
        lambda record: record | {"image_counts": []},
        lambda record: record | {"image_counts": {"image-1": 3}},
        lambda record: record | {"image_counts": {"image-1": {"hosts_cached": 1}}},
        lambda record: record | {"image_counts": {"image-1": {"hosts_cached": -1, "hosts_failed": 0}}},
        lambda record: record | {"final_at": "2026-11-22T06:24:38.695Z"},
        lambda record: record | {"status": "completed", "final_at": ""},
        lambda record: record | {"status": "completed", "final_at": "then"},
        lambda record: record | {"aggregate_name": None},
        lambda record: msgspec.json.encode(record).replace(b"my-application", b"\xff"),
        lambda record: msgspec.json.encode(record).replace(b"my-application", b"\\ud800"),
        lambda record: msgspec.json.encode(record)[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_ours_is_counted_and_passed_over(change: Any) -> None:
    decisions = Decisions(replay_from=0, end=2)
    assert decisions.take(message(change(decided(1)[0]))) is None
    assert (decisions.unreadable, len(decisions)) == (1, 0)


def test_a_key_that_a_later_version_adds_is_passed_over() -> None:
    decisions = Decisions(replay_from=0)
    (record,) = decided(1)[:1]
    decisions.take(message(record | {"conductor": "ctrl01", "later": {"x": [1]}}))
    assert [structs.asdict(kept) for kept in decisions.records.values()] == [record | {"conductor": "ctrl01"}]
