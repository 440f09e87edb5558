"""What a capture says, worked out anew from the notifications: plain, slow, and sharing no code with the product."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from tests.support.captures import Captured


def micros(timestamp: str) -> int:
    """Return Nova's naive UTC timestamp as microseconds since the epoch."""
    moment = datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


def natural(names: set[str]) -> list[str]:
    """Sort `db2` before `db10`."""
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def progress_rows(capture: list[Captured], cloud: str) -> list[dict[str, Any]]:
    """Return the fields and tags of every progress point, in Nova's order; `micros` is the time to the microsecond."""
    start = _data(capture, "start")[0]
    rows: list[dict[str, Any]] = []
    failed = 0
    for message, data in _events(capture, "progress"):
        failed += bool(data["images_failed"])
        done = len(rows) + 1
        rows.append(
            {
                "cloud": cloud,
                "aggregate_uuid": data["uuid"],
                "aggregate_name": data["name"],
                "host": data["host"],
                "operation": f"{cloud}/{data['uuid']}/{message['_context_request_id']}",
                "index": data["index"],
                "hosts_total": len(start["hosts"]),
                "hosts_done": done,
                "hosts_failed": failed,
                "percent": 100 * done / len(start["hosts"]),
                "images_cached": data["images_cached"],
                "images_failed": data["images_failed"],
                "images_cached_count": len(data["images_cached"]),
                "images_failed_count": len(data["images_failed"]),
                "conductor": message["publisher_id"].partition(":")[2],
                "micros": micros(message["timestamp"]),
            }
        )
    return rows


def operation_row(capture: list[Captured], cloud: str) -> dict[str, Any]:
    """Return the fields and tags of the completion record."""
    (started, start), (ended, _) = _events(capture, "start")[0], _events(capture, "end")[0]
    reports = _data(capture, "progress")
    hosts = {report["host"] for report in reports}
    failed = {report["host"] for report in reports if report["images_failed"]}
    silent = set(start["hosts"]) - hosts
    errors = sum(len(report["images_failed"]) for report in reports)
    total = len(start["hosts"])
    return {
        "cloud": cloud,
        "aggregate_uuid": start["uuid"],
        "aggregate_name": start["name"],
        "operation": f"{cloud}/{start['uuid']}/{started['_context_request_id']}",
        "status": "completed_with_errors" if errors or silent else "completed",
        "revision": 1,
        "hosts_total": total,
        "hosts_done": len(hosts),
        "hosts_failed": len(failed),
        "hosts_silent": len(silent),
        "errors": errors,
        "percent": 100 * len(hosts) / total if total else 100.0,
        "images": sorted({image for report in reports for image in report["images_cached"] + report["images_failed"]}),
        "failed_hosts": natural(failed),
        "silent_hosts": natural(silent),
        "started_at": _rfc3339(started["timestamp"]),
        "ended_at": _rfc3339(ended["timestamp"]),
        "duration_s": (micros(ended["timestamp"]) - micros(started["timestamp"])) / 1_000_000,
        "start_missing": False,
        "end_missing": False,
        "request_id": started["_context_request_id"],
        "project_id": started["_context_project_id"],
        "user_id": started["_context_user_id"],
        "global_request_id": started["_context_global_request_id"] or "",
        "conductor": min(
            (message["publisher_id"].partition(":")[2] for message, _ in _events(capture, "progress")), default=""
        ),
        "micros": micros(started["timestamp"]),
    }


def image_rows(capture: list[Captured], cloud: str) -> list[dict[str, Any]]:
    """Return the per-image counts, by image."""
    operation = operation_row(capture, cloud)
    reports = _data(capture, "progress")
    return [
        {
            **{name: operation[name] for name in ("cloud", "aggregate_uuid", "aggregate_name", "operation", "micros")},
            "image": image,
            "hosts_cached": sum(image in report["images_cached"] for report in reports),
            "hosts_failed": sum(image in report["images_failed"] for report in reports),
        }
        for image in operation["images"]
    ]


def _events(capture: list[Captured], kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    messages = [captured.message() for captured in capture]
    wanted = [message for message in messages if message["event_type"] == f"aggregate.cache_images.{kind}"]
    return [(message, message["payload"]["nova_object.data"]) for message in wanted]


def _data(capture: list[Captured], kind: str) -> list[dict[str, Any]]:
    return [data for _, data in _events(capture, kind)]


def _rfc3339(timestamp: str) -> str:
    return timestamp.replace(" ", "T") + "Z"


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a stored row as the functions above write it: JSON lists read, the time in microseconds."""
    lists = ("images", "failed_hosts", "silent_hosts", "images_cached", "images_failed")
    read = {name: json.loads(value) if name in lists else value for name, value in row.items() if name != "time"}
    return read | {"micros": row["time"] // 1_000}
