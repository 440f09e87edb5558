"""What a round did, in logs and metrics; after its commit, so that each thing is reported once."""

from collections.abc import Iterable
from typing import Final

from precache.contract.deadletters import DeadLetter
from precache.contract.operation import Operation
from precache.runtime.logs import log
from processor import metrics
from processor.core.effects import Effects, Point
from processor.group.assigned_partition import AssignedPartition

_SAMPLE: Final = 50
_MS_PER_S: Final = 1_000
_ACTIONABLE: Final = frozenset({"stalled", "abandoned"})


def log_outcome(out: Effects, letters: Iterable[DeadLetter]) -> None:
    """Log and count what was committed."""
    for decision in out.decisions:
        metrics.DECISIONS.labels(decision.record.status).inc()
        _log(decision.record)
    for refused in out.refused:
        metrics.EVENTS.labels(refused.reason).inc()
    log_letters(letters)
    metrics.EVENTS.labels("report").inc(len(out.points))
    metrics.EVENTS.labels("repeated").inc(out.repeated)
    metrics.EVENTS.labels("ignored").inc(out.ignored)
    metrics.EVENTS.labels("heartbeat").inc(len(out.heartbeats))


def log_letters(letters: Iterable[DeadLetter]) -> None:
    """Log and count dead letters that were committed."""
    for letter in letters:
        metrics.DEADLETTERS.labels(letter.reason).inc()
        log.warning("processor.deadletter", reason=letter.reason, origin=letter.origin, detail=letter.detail)


def log_stamped_ahead(assigned: AssignedPartition, now_s: float, wall_s: float) -> None:
    """Count the records whose timestamps were distrusted; log them, once a minute."""
    out = assigned.out
    if not out.ahead:
        return
    metrics.AHEAD.inc(out.ahead)
    if not assigned.may_log_ahead(now_s):
        return
    log.error(
        "processor.stamped_ahead",
        partition=assigned.number,
        records=out.ahead,
        before=assigned.next_offset,
        ahead_s=round(out.ahead_ms / _MS_PER_S - wall_s),
        advice="the clock of a broker is ahead, or this machine's is behind: check NTP on both; no data is lost",
    )


def report_points(points: list[Point], now_s: float) -> None:
    """Take the delay of some points that were given to the store."""
    for point in points[:: len(points) // _SAMPLE + 1]:
        metrics.DELAY_S.observe(max(0.0, now_s - point.moment.timestamp()))


def _log(record: Operation) -> None:
    emit = log.warning if record.status in _ACTIONABLE else log.info
    emit(
        f"operation.{record.status}",
        operation=record.operation,
        aggregate=record.aggregate_name,
        revision=record.revision,
        hosts_done=record.hosts_done,
        hosts_total=record.hosts_total,
        errors=record.errors,
    )
