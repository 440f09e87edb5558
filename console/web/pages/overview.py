"""All clouds at a glance."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from msgspec import to_builtins

from console.cli.output.moments import at
from console.web.live import RunningOperation
from console.web.pages.bridges import bridge_rows
from console.web.pages.page import Context, Page, Parameters, View
from precache.config.operators import OperatorsBlock
from precache.contract.times import NS_PER_S
from precache.query.api import OPEN_STATUSES, OperationFilter, Reader
from precache.query.records import BridgeState, StoredOperation
from precache.query.residency import MARGIN_S

DAY_NS: Final = 86_400 * NS_PER_S
_MOST_OPERATIONS: Final = 1_000
_MOST_ROWS: Final = 20
_MARGIN_NS: Final = int(MARGIN_S * NS_PER_S)


class LastDay(NamedTuple):
    """What the store has of the last day: operations, the last begun first, and the last heartbeats."""

    operations: list[StoredOperation]
    bridges: list[BridgeState]


def ask(reader: Reader, _parameters: Parameters, context: Context) -> LastDay:
    """Ask for what began as long ago as an image may stay; without Kafka also for what runs for longer."""
    since_ns = context.now_ns - max(DAY_NS, int(context.operators.longest_purge_after_s() * NS_PER_S))
    recent = reader.operations(OperationFilter(since_ns=since_ns, limit=_MOST_OPERATIONS))
    if context.live.problem:
        known = {each.operation for each in recent}
        open_ = reader.operations(OperationFilter(statuses=OPEN_STATUSES, limit=_MOST_OPERATIONS))
        recent += [each for each in open_ if each.operation not in known]
    return LastDay(recent, reader.bridges())


def view(found: LastDay, _parameters: Parameters, context: Context) -> View:
    """Return what runs, what went wrong, what expires, and a row for each cloud."""
    running = running_rows(found.operations, context)
    lately = [each for each in found.operations if each.is_final and each.time >= context.now_ns - DAY_NS]
    wrong = [each for each in lately if each.status != "completed" or each.hosts_silent]
    expiring = expiring_images(found.operations, context.operators, context.now_ns)
    bridges = bridge_rows(found.bridges, context.now_ns)
    quiet = [each for each in bridges if each["is_quiet"]]
    return {
        "totals": {
            "running": len(running),
            "ended": len(lately),
            "wrong": len(wrong),
            "expiring": len(expiring),
            "quiet_bridges": len(quiet),
        },
        "running": running,
        "clouds": _clouds(
            found.operations,
            bridges,
            {each.name for each in context.operators.clouds},
            running=Counter(row["cloud"] for row in running),
            wrong=Counter(each.cloud for each in wrong),
            expiring=Counter(row["cloud"] for row in expiring),
        ),
        "wrong": [short_of(each) for each in wrong[:_MOST_ROWS]],
        "ended": [short_of(each) for each in lately[:_MOST_ROWS]],
        "expiring": expiring[:_MOST_ROWS],
        "quiet_bridges": quiet,
        "is_cut": len(found.operations) >= _MOST_OPERATIONS,
    }


def running_rows(operations: Iterable[StoredOperation], context: Context) -> list[dict[str, Any]]:
    """Return what runs: as Kafka has it now, or the store where Kafka can't be read."""
    if not context.live.problem:
        return [_running(each) for each in context.live.running()]
    return [
        short_of(each) | {"rate_per_min": None, "left_s": None, "images": list(each.images)}
        for each in operations
        if each.status in OPEN_STATUSES
    ]


def _running(each: RunningOperation) -> dict[str, Any]:
    row: dict[str, Any] = to_builtins(each)
    del row["token"]
    return row | {"images": list(each.images)}


def short_of(each: StoredOperation) -> dict[str, Any]:
    """Return what a list shows of an operation."""
    return {
        "operation": each.operation,
        "cloud": each.cloud,
        "aggregate_uuid": each.aggregate_uuid,
        "aggregate_name": each.aggregate_name,
        "status": each.status,
        "started_at": each.started_at,
        "ended_at": each.ended_at,
        "duration_s": each.duration_s,
        "hosts_total": each.hosts_total,
        "hosts_done": each.hosts_done,
        "hosts_failed": each.hosts_failed,
        "hosts_silent": each.hosts_silent,
        "errors": each.errors,
    }


def expiring_images(
    operations: Sequence[StoredOperation], operators: OperatorsBlock, now_ns: int
) -> list[dict[str, Any]]:
    """Return the images of aggregates that Nova may purge soon unless they are used: the first to go first.

    An estimate by operations alone: an image counts from the START of the last one that it was in. The page of
    residency also goes by hosts and boots.
    """
    last: dict[tuple[str, str, str], StoredOperation] = {}
    for each in operations:
        for image in each.images:
            last.setdefault((each.cloud, each.aggregate_uuid, image), each)
    rows = []
    for (cloud, uuid, image), each in last.items():
        expires = each.time + int(operators.purge_after_s(cloud, uuid, each.aggregate_name) * NS_PER_S)
        if now_ns < expires < now_ns + _MARGIN_NS:
            row = {"cloud": cloud, "aggregate_uuid": uuid, "aggregate_name": each.aggregate_name, "image": image}
            rows.append(row | {"expires_at": at(expires), "left_s": (expires - now_ns) / NS_PER_S})
    return sorted(rows, key=lambda row: (row["left_s"], row["cloud"], row["aggregate_name"], row["image"]))


def _clouds(
    operations: Iterable[StoredOperation],
    bridges: Iterable[dict[str, Any]],
    named: Collection[str],
    **counts: Counter[str],
) -> list[dict[str, Any]]:
    """Return a row for each cloud that is named, or of which anything is known."""
    last: dict[str, str] = {}
    for each in operations:
        last.setdefault(each.cloud, each.started_at)
    of_cloud: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for bridge in bridges:
        of_cloud[bridge["cloud"]].append(bridge)
    names = set().union(named, last, of_cloud, *counts.values())
    return [
        {"cloud": name, "last_started_at": last.get(name, ""), "bridge": _bridge_state(of_cloud.get(name, []))}
        | {what: count[name] for what, count in counts.items()}
        for name in sorted(names)
    ]


def _bridge_state(bridges: Sequence[dict[str, Any]]) -> str:
    if not bridges:
        return "none"
    return "quiet" if all(each["is_quiet"] for each in bridges) else "alive"


PAGE: Final = Page(
    name="overview",
    path="/",
    title="All clouds",
    parameters=(),
    ask=ask,
    view=view,
    fresh_s=5.0,
    usable_s=60.0,
    token=lambda live, _parameters: live.ended,
)
