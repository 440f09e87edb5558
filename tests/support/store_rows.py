"""Rows for the tests of stores, and what must be read back for each: said anew, without the product's tables."""

import itertools
import json
import re
from typing import Any, Final
from urllib.parse import quote

from msgspec import structs

from precache.contract.heartbeat import Heartbeat, HeartbeatCounts
from precache.contract.operation import ImageResult, Operation
from precache.contract.progress import Progress
from precache.contract.tables.boot import Boot
from precache.contract.tables.measurements import Record, Row
from precache.contract.wanted import Wanted

NOW_NS: Final = 1_795_000_000_123_456_789
MEASUREMENT: Final[dict[type[Record], str]] = {
    Progress: "precache_progress",
    Operation: "precache_operation",
    ImageResult: "precache_image",
    Heartbeat: "precache_bridge",
    Boot: "precache_boot",
    Wanted: "precache_wanted",
}
# What stands in the Kafka record alone.
_NOT_STORED: Final[dict[type[Record], tuple[str, ...]]] = {
    Progress: ("errors", "message_id", "lists_cut"),
    Operation: ("image_counts", "time", "sequence", "first_offset", "final_at", "lists_cut"),
    ImageResult: (),
    Heartbeat: ("event_type", "timestamp", "counts"),
    Boot: (),
    Wanted: (
        *("round", "global_request_id", "declared", "requested_at", "answer", "answer_detail", "outcome", "ended_at"),
        *("attempt", "failures", "time"),
    ),
}
_TAGS: Final = ("cloud", "aggregate_uuid", "aggregate_name", "host", "image", "instance")
# Of a boot, the instance is a field.
_BOOT_TAGS: Final = ("cloud", "host", "image")
_LISTS: Final = ("images_cached", "images_failed", "images", "failed_hosts", "silent_hosts")
_numbers = itertools.count()

UUID: Final = "9d5a6d1f-3a8e-4b0e-8f5a-0f4f1c9e2a11"
OPERATION: Final = f"paris/{UUID}/req-5c2d7f7e-1111-4222-8333-444455556666"


def row(record: Record, values: dict[str, Any]) -> Row:
    """Return a record, some of its values replaced, as a row at a time of its own, or at ``time_ns``."""
    time_ns = values.pop("time_ns", None)
    return Row(NOW_NS + next(_numbers) if time_ns is None else time_ns, structs.replace(record, **values))


def progress(**values: Any) -> Row:
    """Return a point; the counts of its lists follow them."""
    made = Progress(
        cloud="paris",
        aggregate_uuid=UUID,
        aggregate_name="web tier",
        host="cn-1",
        operation=OPERATION,
        index=1,
        hosts_total=3,
        hosts_done=1,
        hosts_failed=0,
        percent=33.333333333333336,
        images_cached=["c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"],
        images_failed=[],
        images_cached_count=len(values.get("images_cached", ["one"])),
        images_failed_count=len(values.get("images_failed", [])),
        errors=0,
        message_id="6f9c8f6e-0000-4000-8000-000000000001",
        conductor="ctrl01",
    )
    return row(made, values)


def operation(**values: Any) -> Row:
    """Return an operation's row."""
    made = Operation(
        cloud="paris",
        aggregate_uuid=UUID,
        aggregate_name="web tier",
        operation=OPERATION,
        status="completed_with_errors",
        revision=1,
        hosts_total=3,
        hosts_done=2,
        hosts_failed=1,
        hosts_silent=1,
        errors=1,
        percent=66.66666666666667,
        images=["c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"],
        failed_hosts=["cn-2"],
        silent_hosts=["cn-3"],
        started_at="2026-11-18T10:26:40.123456Z",
        ended_at="",
        duration_s=151.25,
        start_missing=False,
        end_missing=True,
        request_id="req-5c2d7f7e-1111-4222-8333-444455556666",
        project_id="",
        user_id="admin",
        image_counts={},
        time="2026-11-18T10:26:40.123456000Z",
        sequence=2,
        first_offset=0,
        final_at="2026-11-18T10:29:11.373Z",
        lists_cut=False,
        global_request_id="req-00000000-0000-4000-8000-0000000000ff",
        conductor="ctrl01",
    )
    return row(made, values)


def image(**values: Any) -> Row:
    """Return an image's row."""
    made = ImageResult(
        cloud="paris",
        aggregate_uuid=UUID,
        aggregate_name="web tier",
        image="c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2",
        operation=OPERATION,
        hosts_cached=1,
        hosts_failed=1,
    )
    return row(made, values)


def bridge(**values: Any) -> Row:
    """Return a bridge's heartbeat."""
    counts = HeartbeatCounts(received=10, forwarded=9, deadlettered=1, in_flight=0)
    ours = {key: values.pop(key) for key in counts.__struct_fields__ if key in values}
    made = Heartbeat(
        cloud="paris",
        instance="paris-1",
        state="running",
        version="1.0.0",
        timestamp="2026-11-18T10:26:40.123456Z",
        counts=structs.replace(counts, **ours),
    )
    return row(made, values)


def boot(**values: Any) -> Row:
    """Return a boot's row."""
    made = Boot(
        cloud="paris",
        host="cn-1",
        image="c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2",
        instance="0b1a2c3d-1111-4222-8333-444455556666",
        duration_s=41.5,
        result="active",
    )
    return row(made, values)


def wanted(**values: Any) -> Row:
    """Return the row of a declared image on an aggregate."""
    made = Wanted(
        cloud="paris",
        aggregate_uuid=UUID,
        aggregate_name="web tier",
        image="c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2",
        state="resident",
        hosts_wanted=3,
        hosts_resident=2,
        hosts_expiring=1,
        hosts_failed=0,
        hosts_silent=0,
        hosts_unsure=0,
        hosts_missing=0,
        next_action="wait",
        next_at="2026-11-18T10:26:40.123456Z",
        reason="asked again before the purge",
        last_operation=OPERATION,
        round=4,
        global_request_id="req-00000000-0000-4000-8000-0000000000ff",
    )
    return row(made, values)


def expected(row: Row) -> dict[str, Any]:
    """Return what a store must requeue for a row, lists as lists."""
    values = structs.asdict(row.record)
    if isinstance(row.record, Heartbeat):
        values |= structs.asdict(row.record.counts)
    for name in _NOT_STORED[type(row.record)]:
        values.pop(name, None)
    values["time"] = row.time_ns
    for tag in _BOOT_TAGS if isinstance(row.record, Boot) else _TAGS:
        if tag in values:
            values[tag] = tag_in_store(values[tag])
    for name in _LISTS:
        if name in values:
            values[name] = list(values[name])
    return values


def tag_in_store(text: str) -> str:
    """Return a tag as the contract says: control characters and a backslash at the end encoded, an empty one a dash."""
    controls = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: quote(found[0], safe=""), text)
    return re.sub(r"\\\Z", "%5C", controls) or "-"


def parsed(point: dict[str, Any]) -> dict[str, Any]:
    """Return a point that was read, its JSON lists as lists."""
    return {name: json.loads(value) if name in _LISTS else value for name, value in point.items()}


def by_key(point: dict[str, Any]) -> tuple[Any, ...]:
    """Return the order of points: by tags, then time."""
    return (*(point.get(tag, "") for tag in _TAGS), point["time"])
