"""The values of the derived records, from what is known of an operation."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final, cast

from msgspec import structs
from msgspec.json import Encoder

from precache.contract.identity import natural
from precache.contract.operation import ImageCounts, Operation, Status
from precache.contract.progress import Progress
from precache.contract.times import NS_PER_US, rfc3339_ms, rfc3339_ns, rfc3339_us
from precache.contract.topics import MAX_RECORD_BYTES
from processor.core.facts import Facts
from processor.core.operation import OperationState

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CUTTABLE: Final = ("images", "failed_hosts", "silent_hosts", "image_counts")

encode: Final = Encoder().encode


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


def progress_value(record: Progress) -> bytes:
    """Return a record of ``precache.progress`` as bytes, below :data:`MAX_RECORD_BYTES`: past that, lists are cut."""
    value = encode(record)
    if len(value) < MAX_RECORD_BYTES:
        return value
    cached, failed = list(record.images_cached), list(record.images_failed)
    cut = structs.replace(record, lists_cut=True)
    excess = len(encode(cut)) - MAX_RECORD_BYTES + 1
    # What failed is what a reader asks for first: it goes last.
    for names in (cached, failed):
        excess = _shortened(names, excess)
    return encode(structs.replace(cut, images_cached=cached, images_failed=failed))


def _shortened(names: list[Any], excess: int) -> int:
    """Take whole names off the end of a list, until it is shorter by ``excess`` bytes or empty; return what is left."""
    while names and excess > 0:
        excess -= len(encode(names.pop()))
    return excess


def operation_record(operation: OperationState) -> Operation:
    """Return the value of a record of ``precache.operations``: facts and decision as they stand, lists whole."""
    facts = operation.facts
    final = operation.final_at_ms is not None
    started, ended = _span(operation, final=final)
    counts = image_counts(facts)
    return Operation(
        cloud=operation.cloud,
        aggregate_uuid=operation.aggregate_uuid,
        aggregate_name=operation.aggregate_name,
        operation=operation.id,
        status=cast("Status", operation.status),
        revision=operation.revision,
        hosts_total=facts.total,
        hosts_done=facts.done,
        hosts_failed=facts.failed,
        hosts_silent=facts.total - facts.done if final else 0,
        errors=facts.errors,
        percent=percent(facts.done, facts.total),
        images=list(counts),
        failed_hosts=sorted(facts.failed_hosts(), key=natural) if facts.failed else [],
        silent_hosts=sorted(facts.silent_hosts(), key=natural) if final else [],
        started_at=rfc3339_us(started),
        ended_at=rfc3339_us(ended) if final else "",
        duration_s=max(0, ended - started) // NS_PER_US / 1_000_000,
        start_missing=facts.start_at is None,
        end_missing=final and facts.end_at is None,
        request_id=operation.request_id,
        project_id=facts.project_id,
        user_id=facts.user_id,
        image_counts=counts,
        time=rfc3339_ns(operation.time_ns),
        sequence=operation.sequence,
        first_offset=operation.first_offset,
        final_at=rfc3339_ms(operation.final_at_ms) if operation.final_at_ms is not None else "",
        lists_cut=False,
        global_request_id=facts.global_request_id,
        conductor=facts.conductor,
    )


def image_counts(facts: Facts) -> dict[str, ImageCounts]:
    """Return, by image in the order of their names, on how many hosts it is cached and on how many it failed."""
    cached: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for tally in facts.tallies.values():
        cached.update(dict.fromkeys(tally.cached, tally.hosts))
        failed.update(dict.fromkeys(tally.failed, tally.hosts))
    return {
        image: ImageCounts(hosts_cached=cached[image], hosts_failed=failed[image])
        for image in sorted(cached.keys() | failed.keys())
    }


def fitted(record: Operation) -> tuple[Operation, bytes]:
    """Return the record and its bytes, below :data:`MAX_RECORD_BYTES`: past that, lists are cut and it says so."""
    value = encode(record)
    if len(value) < MAX_RECORD_BYTES:
        return record, value
    cut = structs.replace(record, lists_cut=True)
    value = encode(cut)
    for _ in _CUTTABLE:
        excess = len(value) - MAX_RECORD_BYTES + 1
        if excess > 0:
            cut = _with_longest_cut(cut, excess)
            value = encode(cut)
    return cut, value


def _with_longest_cut(record: Operation, excess: int) -> Operation:
    """Return the record with whole names off the end of its longest list, until that is shorter by ``excess`` bytes."""
    longest = max(_CUTTABLE, key=lambda name: len(encode(_names(record, name))))
    kept = _names(record, longest)
    _shortened(kept, excess)
    value: Any = dict(kept) if longest == "image_counts" else kept
    return structs.replace(record, **{longest: value})


def _names(record: Operation, name: str) -> list[Any]:
    value = getattr(record, name)
    return list(value.items() if isinstance(value, dict) else value)


def _span(operation: OperationState, *, final: bool) -> tuple[int, int]:
    """Return start and end by Nova's clock, in nanoseconds; of an open operation, the last event stands for the end."""
    facts = operation.facts
    if facts.earliest is None or facts.latest is None:
        # Restored from its record, and none of its events could be read again: its opening is all that is known.
        return operation.time_ns, operation.time_ns
    started = facts.start_at or facts.earliest
    ended = (facts.end_at if final else None) or facts.latest
    return to_ns(started), to_ns(ended)
