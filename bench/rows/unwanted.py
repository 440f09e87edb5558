"""The bridge where 99 of 100 notifications are of no interest to anybody."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from bench.compare import interleave
from bench.context import Bench
from bench.load.bodies import Maker
from bench.load.plan import Event, Plan
from bench.measure import Sample
from bench.peers import telegraf
from bench.result import Result, compared
from bench.rows.bridge import one_drain, start_bridge, start_telegraf
from precache.contract.nova import PROGRESS

_ONE_IN: Final = 100


def _is_wanted(number: int) -> bool:
    # The last message is wanted: when it is out, everything before it was read.
    return number % _ONE_IN == _ONE_IN - 1


def _reports(plan: Plan) -> Iterator[tuple[int, Event]]:
    return enumerate(event for event in plan.stream() if event.event_type == PROGRESS)


def run(bench: Bench) -> list[Result]:
    """Measure."""
    plan = Plan(clouds=1, operations=bench.size(1_000, 50), hosts=200)
    maker = Maker(plan)
    everything = {event.message_id for _, event in _reports(plan)}
    few = {event.message_id for number, event in _reports(plan) if _is_wanted(number)}

    def once(start: Any, wanted: set[str]) -> Sample:
        bodies = (
            maker.body(event) if _is_wanted(number) else maker.unwanted_body(event) for number, event in _reports(plan)
        )
        return one_drain(bench, partial(start, bench), bodies, wanted)

    _ = bench.servers.rabbitmq, bench.servers.bootstrap
    ours = partial(once, start_bridge, few)
    theirs = partial(once, start_telegraf, everything)
    found = interleave(ours, theirs, bench.runs)
    what = f"bridge: {plan.progress_events:,} notifications, 99 of 100 unwanted; the rate is of those read"
    against = f"Telegraf {telegraf.VERSION} as above: it forwards all, since it can't tell before it has parsed"
    return [compared("unwanted", what, against, found, goal=1.5)]
