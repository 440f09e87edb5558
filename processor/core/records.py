"""The values of the derived records, from what is known of an operation."""

from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson

from precache.contract.natural import natural
from precache.contract.records import MAX_RECORD_BYTES, ImageCounts, Progress, Status
from precache.contract.records import Operation as OperationRecord
from precache.contract.times import NS_PER_US, rfc3339_ms, rfc3339_ns, rfc3339_us
from processor.core.effects import Point
from processor.core.facts import Facts
from processor.core.operation import Operation

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CUTTABLE_LISTS: Final = 4  # images, failed_hosts, silent_hosts, image_counts


def percent(done: int, total: int) -> float:
    """Return 0.0 to 100.0; of nothing, all is done."""
    return 100.0 * done / total if total else 100.0


def to_ns(moment: datetime) -> int:
    """Return the nanoseconds since the epoch; Nova's times have microseconds."""
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * NS_PER_US


def rfc3339(moment: datetime) -> str:
    """Return a moment, which is UTC, as RFC 3339 with six digits."""
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"


def progress(point: Point) -> Progress:
    """Return the value of a record of ``precache.progress``."""
    operation, report, total, done, failed, errors, _ = point
    cached_images, failed_images = report.images
    return {
        "cloud": operation.cloud,
        "aggregate_uuid": operation.aggregate_uuid,
        "aggregate_name": operation.aggregate_name,
        "host": report.host,
        "operation": operation.id,
        "index": report.nth,
        "hosts_total": total,
        "hosts_done": done,
        "hosts_failed": failed,
        "percent": percent(done, total),
        # Tuples: orjson writes them as arrays, and a copy of each list is spared.
        "images_cached": cast("list[str]", cached_images),
        "images_failed": cast("list[str]", failed_images),
        "images_cached_count": len(cached_images),
        "images_failed_count": len(failed_images),
        "errors": errors,
        "message_id": report.message_id,
    }


def progress_value(point: Point) -> bytes:
    """Return a record of ``precache.progress`` as bytes, below :data:`MAX_RECORD_BYTES`: past that, lists are cut."""
    record = progress(point)
    value = orjson.dumps(record)
    if len(value) < MAX_RECORD_BYTES:
        return value
    cut: Progress = {**record, "lists_cut": True}
    kept = {"images_cached": list(record["images_cached"]), "images_failed": list(record["images_failed"])}
    excess = len(orjson.dumps(cut)) - MAX_RECORD_BYTES + 1
    # What failed is what a reader asks for first: it goes last.
    for names in kept.values():
        excess = _shortened(names, excess)
    return orjson.dumps({**cut, **kept})


def _shortened(names: list[Any], excess: int) -> int:
    """Take whole names off the end of a list, until it is shorter by ``excess`` bytes or empty; return what is left."""
    while names and excess > 0:
        excess -= len(orjson.dumps(names.pop()))
    return excess


def operation_record(operation: Operation) -> OperationRecord:
    """Return the value of a record of ``precache.operations``: facts and decision as they stand, lists whole."""
    facts = operation.facts
    final = operation.final_at_ms is not None
    started, ended = _span(operation, final=final)
    counts = image_counts(facts)
    return {
        "cloud": operation.cloud,
        "aggregate_uuid": operation.aggregate_uuid,
        "aggregate_name": operation.aggregate_name,
        "operation": operation.id,
        "status": cast("Status", operation.status),
        "revision": operation.revision,
        "hosts_total": facts.total,
        "hosts_done": facts.done,
        "hosts_failed": facts.failed,
        "hosts_silent": facts.total - facts.done if final else 0,
        "errors": facts.errors,
        "percent": percent(facts.done, facts.total),
        "images": list(counts),
        "failed_hosts": sorted(facts.failed_hosts(), key=natural) if facts.failed else [],
        "silent_hosts": sorted(facts.silent_hosts(), key=natural) if final else [],
        "started_at": rfc3339_us(started),
        "ended_at": rfc3339_us(ended) if final else "",
        "duration_s": max(0, ended - started) // NS_PER_US / 1_000_000,
        "start_missing": facts.start_at is None,
        "end_missing": final and facts.end_at is None,
        "request_id": operation.request_id,
        "project_id": facts.project_id,
        "user_id": facts.user_id,
        "image_counts": counts,
        "time": rfc3339_ns(operation.time_ns),
        "sequence": operation.sequence,
        "first_offset": operation.first_offset,
        "final_at": rfc3339_ms(operation.final_at_ms) if operation.final_at_ms is not None else "",
        "lists_cut": False,
    }


def image_counts(facts: Facts) -> dict[str, ImageCounts]:
    """Return, by image in the order of their names, on how many hosts it is cached and on how many it failed."""
    counts: dict[str, ImageCounts] = {}
    for tally in facts.tallies.values():
        for image in tally.cached:
            counts.setdefault(image, {"hosts_cached": 0, "hosts_failed": 0})["hosts_cached"] += tally.hosts
        for image in tally.failed:
            counts.setdefault(image, {"hosts_cached": 0, "hosts_failed": 0})["hosts_failed"] += tally.hosts
    return dict(sorted(counts.items()))


def fitted(record: OperationRecord) -> tuple[OperationRecord, bytes]:
    """Return the record and its bytes, below :data:`MAX_RECORD_BYTES`: past that, lists are cut and it says so."""
    value = orjson.dumps(record)
    if len(value) < MAX_RECORD_BYTES:
        return record, value
    cut: OperationRecord = {**record, "lists_cut": True}
    value = orjson.dumps(cut)
    for _ in range(_CUTTABLE_LISTS):
        excess = len(value) - MAX_RECORD_BYTES + 1
        if excess > 0:
            _cut_longest(cut, excess)
            value = orjson.dumps(cut)
    return cut, value


def _cut_longest(record: OperationRecord, excess: int) -> None:
    """Take whole names off the end of the longest list, until it is shorter by ``excess`` bytes or empty."""
    lists: list[list[Any]] = [
        record["images"],
        record["failed_hosts"],
        record["silent_hosts"],
        list(record["image_counts"].items()),
    ]
    sizes = [len(orjson.dumps(names)) for names in lists]
    longest = sizes.index(max(sizes))
    kept = list(lists[longest])
    _shortened(kept, excess)
    if longest == 0:
        record["images"] = kept
    elif longest == 1:
        record["failed_hosts"] = kept
    elif longest == 2:  # noqa: PLR2004
        record["silent_hosts"] = kept
    else:
        record["image_counts"] = dict(kept)


def _span(operation: Operation, *, final: bool) -> tuple[int, int]:
    """Return start and end by Nova's clock, in nanoseconds; of an open operation, the last event stands for the end."""
    facts = operation.facts
    if facts.earliest is None or facts.latest is None:
        # Restored from its record, and none of its events could be read again: its opening is all that is known.
        return operation.time_ns, operation.time_ns
    started = facts.start_at or facts.earliest
    ended = (facts.end_at if final else None) or facts.latest
    return to_ns(started), to_ns(ended)
