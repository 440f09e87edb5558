"""What an operation's final record must say, from the set of its events: computed in the plainest way, at the end."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.support.events import Event

# How the events came decides these; all others are decided by the set of events.
ORDER_DEPENDENT = frozenset({"revision", "sequence", "first_offset", "final_at", "aggregate_name", "time"})


def final_record(events: Iterable[Event]) -> dict[str, Any]:
    """Return all that does not depend on the order; of one operation's events, each told once."""
    by_kind: dict[str, list[Event]] = {"start": [], "progress": [], "end": []}
    for event in events:
        by_kind[event.body["event_type"].rpartition(".")[2]].append(event)
    boundaries = by_kind["start"] + by_kind["end"]
    lists = [event.data()["hosts"] for event in boundaries if event.data()["hosts"] is not None]
    reports = {event.data()["host"]: event.data() for event in reversed(by_kind["progress"])}  # the first one counts
    known = {host for hosts in lists for host in hosts} | reports.keys()
    told = max([data["total"] for data in reports.values()] + [len(reports), 0])
    total = len(known) if lists else told
    images = sorted({name for data in reports.values() for name in data["images_cached"] + data["images_failed"]})
    errors = sum(len(set(data["images_failed"])) for data in reports.values())
    silent = total - len(reports)
    times = sorted(_time(event) for kind in by_kind.values() for event in kind)
    started = _time(by_kind["start"][0]) if by_kind["start"] else times[0]
    ended = _time(by_kind["end"][0]) if by_kind["end"] else times[-1]
    everybody = (bool(lists) or bool(reports)) and not silent
    over = bool(by_kind["end"]) or everybody
    first = {
        (event.body["event_type"], event.data().get("host")): event
        for event in reversed(boundaries + by_kind["progress"])
    }.values()
    context = next(iter(by_kind["start"] + by_kind["progress"] + by_kind["end"])).body["context"]
    return {
        "cloud": next(iter(boundaries + by_kind["progress"])).key.decode().split("/")[0],
        "status": ("completed_with_errors" if errors or silent else "completed") if over else "abandoned",
        "hosts_total": total,
        "hosts_done": len(reports),
        "hosts_failed": sum(bool(data["images_failed"]) for data in reports.values()),
        "hosts_silent": silent,
        "errors": errors,
        "percent": 100.0 * len(reports) / total if total else 100.0,
        "images": images,
        "failed_hosts": {host for host, data in reports.items() if data["images_failed"]},
        "silent_hosts": known - reports.keys(),
        "started_at": _text(started),
        "ended_at": _text(ended),
        "duration_s": max(0.0, (ended - started).total_seconds()),
        "start_missing": not by_kind["start"],
        "end_missing": not by_kind["end"],
        "request_id": context["request_id"],
        "project_id": context["project_id"],
        "user_id": context["user_id"],
        "global_request_id": max(event.body["context"]["global_request_id"] or "" for event in first),
        "conductor": min((_conductor(event) for event in by_kind["progress"]), default=""),
        "image_counts": {
            image: {
                "hosts_cached": sum(image in data["images_cached"] for data in reports.values()),
                "hosts_failed": sum(image in data["images_failed"] for data in reports.values()),
            }
            for image in images
        },
    }


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as :func:`final_record` gives it."""
    kept = {key: value for key, value in record.items() if key not in ORDER_DEPENDENT | _IDENTITY}
    return kept | {name: set(kept[name]) for name in ("failed_hosts", "silent_hosts")}


_IDENTITY = frozenset({"aggregate_uuid", "operation", "lists_cut"})


def _conductor(event: Event) -> str:
    service, _, host = event.body["publisher_id"].partition(":")
    assert service == "nova-conductor"
    return str(host)


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event.body["timestamp"])


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
