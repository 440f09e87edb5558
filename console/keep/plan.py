"""A keeper's plan as a person reads it, and as JSON. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from console.cli.output.texts import printable
from keeper.core.plan import Plan
from keeper.core.status import Status
from precache.contract.wanted import Wanted

# What stands before a line: asked now; later, or not at all; nothing to do; somebody must act.
_ASK, _LATER, _FINE, _FAILING = "+", "~", "=", "!"
_LEGEND: Final = {_ASK: "to ask now", _LATER: "to wait", _FINE: "resident", _FAILING: "failing"}


def drifts(plans: Mapping[str, Plan]) -> bool:
    """Return whether an image is missing somewhere, or is asked for now, or a cloud could not be seen."""
    return any(
        plan.unavailable or plan.calls or any(not each.in_place for each in plan.statuses) for plan in plans.values()
    )


def lines(plans: Mapping[str, Plan]) -> Iterator[str]:
    """Yield the plan as lines: an aggregate, its images, and a summary."""
    counts = dict.fromkeys(_LEGEND, 0)
    for cloud, plan in plans.items():
        if plan.unavailable:
            yield printable(f"{cloud}: was not seen: {plan.unavailable}")
            yield ""
        asked = {call.record.key for call in plan.calls}
        for title, statuses in _by_aggregate(plan):
            yield printable(title)
            for each in statuses:
                mark = _mark(each, asked)
                counts[mark] += 1
                yield f"  {mark} {printable(_line(each.record))}"
            yield ""
    yield "Plan: " + ", ".join(f"{count} {_LEGEND[mark]}" for mark, count in counts.items()) + "."


def objects(plans: Mapping[str, Plan]) -> Iterator[dict[str, Any]]:
    """Yield each declared image as an object: the record of `precache.wanted`, `asks` and `in_place`."""
    for plan in plans.values():
        asked = {call.record.key for call in plan.calls}
        for each in plan.statuses:
            yield {
                **structs.asdict(each.record),
                "asks": each.record.key in asked,
                "in_place": each.in_place,
                "late": each.late,
            }


def _by_aggregate(plan: Plan) -> Iterator[tuple[str, Sequence[Status]]]:
    found: dict[tuple[str, str], list[Status]] = {}
    for each in plan.statuses:
        found.setdefault((each.record.cloud, each.record.aggregate_name), []).append(each)
    for (cloud, aggregate), statuses in sorted(found.items()):
        hosts = max(each.record.hosts_wanted for each in statuses)
        yield f"{cloud}: {aggregate} ({hosts} {'host' if hosts == 1 else 'hosts'})", statuses


def _mark(status: Status, asked: set[str]) -> str:
    if status.record.key in asked:
        return _ASK
    if status.record.state == "failing":
        return _FAILING
    return _FINE if status.in_place else _LATER


def _line(record: Wanted) -> str:
    name = record.declared or record.image
    what = name if name == record.image else f"{name} ({record.image})"
    if record.state == "removed":
        return f"{what}: no longer declared"
    at = f"; next at {record.next_at}" if record.next_at else ""
    have = record.hosts_resident + record.hosts_expiring
    return f"{what}: on {have} of {record.hosts_wanted} hosts; {record.reason}{at}"
