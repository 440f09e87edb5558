"""Records as the processor writes them, for the watcher's tests: both topics, for a whole operation."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import convert

from precache.contract.operation import Operation
from precache.contract.progress import Progress

IMAGE = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"
OPERATION = "paris/ccf82bd4-a15e-43c5-83ad-b23970338139/req-1"


def operation(sequence: int, status: str, *, total: int = 3, done: int = 0, **changes: Any) -> Operation:
    """Return a record of precache.operations; whatever is not told has a plain value."""
    cloud, aggregate_uuid, request_id = str(changes.get("operation", OPERATION)).split("/")
    record: dict[str, Any] = {
        "cloud": cloud,
        "aggregate_uuid": aggregate_uuid,
        "aggregate_name": "foo",
        "operation": OPERATION,
        "status": status,
        "revision": 1 if status in {"completed", "completed_with_errors", "abandoned"} else 0,
        "hosts_total": total,
        "hosts_done": done,
        "hosts_failed": 0,
        "hosts_silent": 0,
        "errors": 0,
        "percent": 100.0 * done / total if total else 100.0,
        "images": [IMAGE],
        "failed_hosts": [],
        "silent_hosts": [],
        "started_at": "2026-11-22T06:24:38.695481Z",
        "ended_at": "",
        "duration_s": 3.260684,
        "start_missing": False,
        "end_missing": False,
        "request_id": request_id,
        "project_id": "admin",
        "user_id": "admin",
        "image_counts": {},
        "time": "2026-11-22T06:24:38.695481123Z",
        "sequence": sequence,
        "first_offset": 0,
        "final_at": "",
        "lists_cut": False,
    }
    return convert(record | changes, Operation)


def progress(done: int, *, total: int = 3, errors: int = 0, **changes: Any) -> Progress:
    """Return a record of precache.progress."""
    cloud, aggregate_uuid, _ = str(changes.get("operation", OPERATION)).split("/")
    record: dict[str, Any] = {
        "cloud": cloud,
        "aggregate_uuid": aggregate_uuid,
        "aggregate_name": "foo",
        "host": f"host{done}",
        "operation": OPERATION,
        "index": done,
        "hosts_total": total,
        "hosts_done": done,
        "hosts_failed": errors,
        "percent": 100.0 * done / total,
        "images_cached": [IMAGE],
        "images_failed": [],
        "images_cached_count": 1,
        "images_failed_count": 0,
        "errors": errors,
        "message_id": f"message-{done}",
    }
    return convert(record | changes, Progress)


def counts(failed: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return image counts with that many failed hosts by image."""
    return {image: {"hosts_cached": 0, "hosts_failed": times} for image, times in failed.items()}


def completed(total: int = 3, *, sequence: int = 2, failed: Sequence[str] = (), **changes: Any) -> Operation:
    """Return the record of an operation whose hosts all reported, some with one failed image."""
    status = "completed_with_errors" if failed else "completed"
    facts: dict[str, Any] = {
        "failed_hosts": list(failed),
        "hosts_failed": len(failed),
        "errors": len(failed),
        "image_counts": counts({IMAGE: len(failed)}),
    }
    return operation(sequence, status, total=total, done=total, **facts | changes)
