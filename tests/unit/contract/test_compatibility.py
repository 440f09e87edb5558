"""Every later version of 1.x reads what an earlier one wrote, and writes the keys that an earlier one reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct

from precache.contract.heartbeat import Heartbeat
from precache.contract.operation import Operation, read_operation
from precache.contract.progress import Progress, read_progress
from precache.contract.topics import BRIDGE_TYPE
from processor.core.decode import HeartbeatEvent, read

RECORDS: Final = Path(__file__).parents[2] / "data" / "records"
VERSIONS: Final = sorted(path.name for path in RECORDS.iterdir() if path.is_dir())
# The keys of version 1.0, by name and type: none is ever removed, renamed or retyped.
KEYS: Final[dict[type[Struct], str]] = {
    Progress: "cloud s, aggregate_uuid s, aggregate_name s, host s, operation s, index i, hosts_total i, hosts_done i, "
    "hosts_failed i, percent f, images_cached l, images_failed l, images_cached_count i, images_failed_count i, "
    "errors i, message_id s",
    Operation: "cloud s, aggregate_uuid s, aggregate_name s, operation s, status s, revision i, hosts_total i, "
    "hosts_done i, hosts_failed i, hosts_silent i, errors i, percent f, images l, failed_hosts l, silent_hosts l, "
    "started_at s, ended_at s, duration_s f, start_missing b, end_missing b, request_id s, project_id s, user_id s, "
    "image_counts o, time s, sequence i, first_offset i, final_at s, lists_cut b",
    Heartbeat: "event_type s, cloud s, instance s, version s, state s, timestamp s, counts o",
}
_TYPES: Final[dict[str, type]] = {"s": str, "i": int, "f": float, "b": bool, "l": list, "o": dict}
_ALLOWED: Final = "within version 1 keys may be added, with a default; none may be removed, renamed or retyped"


def stored(version: str, topic: str) -> Iterator[dict[str, Any]]:
    lines = (RECORDS / version / f"{topic}.jsonl").read_text().splitlines()
    assert lines
    return map(json.loads, lines)


def assert_has_the_keys(shape: type[Struct], value: dict[str, Any]) -> None:
    for name, kind in (key.split() for key in KEYS[shape].split(", ")):
        assert name in value, f"{shape.__name__}.{name} is gone: {_ALLOWED}"
        wanted = (float, int) if kind == "f" else _TYPES[kind]
        assert isinstance(value[name], wanted), f"{shape.__name__}.{name} has another type: {_ALLOWED}"


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_operations_are_read_and_written_again_with_every_key(version: str) -> None:
    for record in stored(version, "precache.operations"):
        found = read_operation(record["value"].encode())
        assert found is not None
        value = json.loads(record["value"])
        again = json.loads(msgspec.json.encode(found))
        assert {key: again[key] for key in value} == value
        assert_has_the_keys(Operation, again)


@pytest.mark.parametrize("version", VERSIONS)
def test_records_of_progress_are_read_and_written_again_with_every_key(version: str) -> None:
    for record in stored(version, "precache.progress"):
        found = read_progress(record["value"].encode())
        assert found is not None
        value = json.loads(record["value"])
        again = json.loads(msgspec.json.encode(found))
        assert {key: again[key] for key in value} == value
        assert_has_the_keys(Progress, again)


@pytest.mark.parametrize("version", VERSIONS)
def test_notifications_and_heartbeats_are_read(version: str) -> None:
    heartbeats = 0
    for record in stored(version, "nova.notifications"):
        event = read(record["value"].encode())
        assert event is not None
        if isinstance(event, HeartbeatEvent):
            heartbeats += 1
            value = json.loads(record["value"])
            again = json.loads(msgspec.json.encode(event.heartbeat))
            assert again == value
            assert again["event_type"] == BRIDGE_TYPE
            assert_has_the_keys(Heartbeat, again)
    assert heartbeats


@pytest.mark.parametrize("shape", [Operation, Progress])
def test_a_key_that_came_later_may_be_absent(shape: type[Struct]) -> None:
    required = {info.name for info in msgspec.structs.fields(shape) if info.required}
    assert required == {key.split()[0] for key in KEYS[shape].split(", ")}, _ALLOWED


def test_what_is_no_record_of_ours_is_none() -> None:
    for value in (None, b"", b"{", b"[]", b'{"cloud": "paris"}', b"\xff"):
        assert read_operation(value) is None
        assert read_progress(value) is None
