"""Rows for the tests of stores, and what must be read back for each: said anew, without the product's tables."""

import itertools
import json
import re
from typing import Any, Final
from urllib.parse import quote

from processor.stores import BridgeRow, ImageRow, OperationRow, ProgressPoint, Row

NOW_NS: Final = 1_795_000_000_123_456_789
MEASUREMENT: Final[dict[type[Row], str]] = {
    ProgressPoint: "precache_progress",
    OperationRow: "precache_operation",
    ImageRow: "precache_image",
    BridgeRow: "precache_bridge",
}
_TAGS: Final = ("cloud", "aggregate_uuid", "aggregate_name", "host", "image", "instance")
_LISTS: Final = ("images_cached", "images_failed", "images", "failed_hosts", "silent_hosts")
_numbers = itertools.count()

UUID: Final = "9d5a6d1f-3a8e-4b0e-8f5a-0f4f1c9e2a11"
OPERATION: Final = f"paris/{UUID}/req-5c2d7f7e-1111-4222-8333-444455556666"


def progress(**values: Any) -> ProgressPoint:
    """Return a point at a time of its own."""
    return ProgressPoint(
        time_ns=NOW_NS + next(_numbers),
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
    )._replace(**values)


def operation(**values: Any) -> OperationRow:
    """Return an operation's row at a time of its own."""
    return OperationRow(
        time_ns=NOW_NS + next(_numbers),
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
    )._replace(**values)


def image(**values: Any) -> ImageRow:
    """Return an image's row at a time of its own."""
    return ImageRow(
        time_ns=NOW_NS + next(_numbers),
        cloud="paris",
        aggregate_uuid=UUID,
        aggregate_name="web tier",
        image="c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2",
        operation=OPERATION,
        hosts_cached=1,
        hosts_failed=1,
    )._replace(**values)


def bridge(**values: Any) -> BridgeRow:
    """Return a bridge's sign of life at a time of its own."""
    return BridgeRow(
        time_ns=NOW_NS + next(_numbers),
        cloud="paris",
        instance="paris-1",
        state="running",
        version="1.0.0",
        received=10,
        forwarded=9,
        deadlettered=1,
        in_flight=0,
    )._replace(**values)


def expected(row: Row) -> dict[str, Any]:
    """Return what a store must give back for a row, lists as lists."""
    values = row._asdict()
    values["time"] = values.pop("time_ns")
    for tag in _TAGS:
        if tag in values:
            values[tag] = tag_in_store(values[tag])
    for name in _LISTS:
        if name in values:
            values[name] = list(values[name])
    if isinstance(row, ProgressPoint):
        values["images_cached_count"] = len(row.images_cached)
        values["images_failed_count"] = len(row.images_failed)
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
