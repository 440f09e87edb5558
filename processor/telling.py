"""What a round did, told in logs and metrics; after its commit, so that each thing is told once."""

from collections.abc import Iterable
from typing import Final

from precache.contract.deadletters import DeadLetter
from precache.contract.operation import Operation as OperationRecord
from precache.service.logs import log
from processor import metrics
from processor.core.effects import Effects, Point

_SAMPLE: Final = 50
_LOUD: Final = frozenset({"stalled", "abandoned"})


def tell(out: Effects, letters: Iterable[DeadLetter]) -> None:
    """Log and count what was committed."""
    for decision in out.decisions:
        metrics.DECISIONS.labels(decision.record.status).inc()
        _log(decision.record)
    for refused in out.refused:
        metrics.EVENTS.labels(refused.reason).inc()
    for letter in letters:
        metrics.DEADLETTERS.labels(letter.reason).inc()
        log.warning("processor.deadletter", reason=letter.reason, origin=letter.origin, detail=letter.detail)
    metrics.EVENTS.labels("report").inc(len(out.points))
    metrics.EVENTS.labels("repeated").inc(out.repeated)
    metrics.EVENTS.labels("ignored").inc(out.ignored)
    metrics.EVENTS.labels("sign").inc(len(out.signs))


def tell_points(points: list[Point], now_s: float) -> None:
    """Take the delay of some points that were given to the store."""
    for point in points[:: len(points) // _SAMPLE + 1]:
        metrics.DELAY_S.observe(max(0.0, now_s - point.moment.timestamp()))


def _log(record: OperationRecord) -> None:
    said = log.warning if record.status in _LOUD else log.info
    said(
        f"operation.{record.status}",
        operation=record.operation,
        aggregate=record.aggregate_name,
        revision=record.revision,
        hosts_done=record.hosts_done,
        hosts_total=record.hosts_total,
        errors=record.errors,
    )
