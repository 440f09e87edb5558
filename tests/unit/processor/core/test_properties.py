"""Invariants of the core, by name."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from processor.core.effects import Effects
from processor.core.partition import MAX_AHEAD_MS, Partition
from tests.support.events import Event, Source
from tests.support.final_records import comparable, final_record
from tests.unit.processor.core.stories import SHORT, TIMERS, Step, operations, play, stories

GAPS = st.sampled_from([0, 1, 3_000, 6_000, 70_000, 400_000])


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Event], list[tuple[int, Event]]]:
    """Return one operation's events, and the same in any order, each once or more, with pauses of any length."""
    events = draw(operations())
    extra = draw(st.lists(st.sampled_from(events), max_size=4))
    order = draw(st.permutations([*events, *extra]))
    return events, [(draw(GAPS), event) for event in order]


def final_state(delivered: list[tuple[int, Event]]) -> tuple[dict[str, Any], Effects]:
    """Return the last record, once every timer but that of closing has fired, and all that happened on the way."""
    partition, out, now = Partition(TIMERS), Effects(), 0
    for offset, (gap_ms, event) in enumerate(delivered):
        now += gap_ms
        partition.apply(now, offset, event.key, event.value, out)
    partition.advance(now + 1_000_000, out)
    return to_builtins(out.decisions[-1].record), out


@given(deliveries())
def test_any_order_and_any_duplication_give_the_same_final_record(
    case: tuple[list[Event], list[tuple[int, Event]]],
) -> None:
    events, delivered = case
    record, out = final_state(delivered)
    note(record["status"])
    assert comparable(record) == final_record(events)
    assert record["aggregate_name"] == delivered[0][1].data()["name"]
    assert len(out.points) == record["hosts_done"]


@given(deliveries())
def test_every_change_is_one_record_numbered_without_gaps(
    case: tuple[list[Event], list[tuple[int, Event]]],
) -> None:
    _, delivered = case
    _, out = final_state(delivered)
    records = [decision.record for decision in out.decisions]
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))
    final = [record for record in records if record.final_at]
    assert [record.revision for record in final] == list(range(1, len(final) + 1))
    for before, after in pairwise(records):
        assert after.status != before.status or after.revision == before.revision + 1
        if before.final_at and before.status != "abandoned" and after.final_at:
            assert after.final_at == before.final_at, "a revision keeps final_at"


@given(stories())
def test_counts_never_exceed_totals(steps: list[Step]) -> None:
    written = play(steps, SHORT, set(), set())
    for counted in written.points + [record for _, record in written.decisions]:
        assert 0 <= counted["hosts_failed"] <= counted["hosts_done"] <= counted["hosts_total"]
        assert 0.0 <= counted["percent"] <= 100.0
        assert counted["errors"] >= counted["hosts_failed"]
    for _, record in written.decisions:
        assert record["hosts_silent"] in (0, record["hosts_total"] - record["hosts_done"])
        assert len(record["silent_hosts"]) <= record["hosts_silent"]
        assert record["hosts_failed"] == len(record["failed_hosts"])
        assert record["errors"] == sum(counts["hosts_failed"] for counts in record["image_counts"].values())


@given(stories(), st.data())
def test_a_log_cut_anywhere_by_restarts_gives_the_same(steps: list[Step], data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    lost = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    undisturbed = play(steps, SHORT, set(), set())
    disturbed = play(steps, SHORT, cuts, lost)
    note(f"{len(undisturbed.decisions)} decisions")
    assert disturbed.points == undisturbed.points
    assert disturbed.decisions == undisturbed.decisions
    assert disturbed.refused == undisturbed.refused
    assert disturbed.rows == undisturbed.rows


@given(stories(), st.data())
def test_a_repeated_event_writes_and_emits_nothing(steps: list[Step], data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    keep_open = TIMERS
    once = play(steps, keep_open, cuts, set())
    seen: list[Event] = []
    doubled: list[Step] = []
    for step in steps:
        doubled.append(step)
        if step.event is not None:
            seen.append(step.event)
        if seen:
            doubled.append(Step(0, data.draw(st.sampled_from(seen))))
    twice = play(doubled, keep_open, {2 * cut for cut in cuts if 2 * cut < len(doubled)}, set())
    assert twice.points == once.points
    assert [*twice.store.rows.values()] == [*once.store.rows.values()]
    assert [_without_offset(record) for record in twice.decisions] == [
        _without_offset(record) for record in once.decisions
    ]


AHEAD_MS = st.sampled_from([0, 0, MAX_AHEAD_MS // 2, MAX_AHEAD_MS + 1_000, 25 * 3_600_000])


@given(deliveries(), st.data())
def test_records_stamped_ahead_change_no_result(
    case: tuple[list[Event], list[tuple[int, Event]]], data: st.DataObject
) -> None:
    events, delivered = case
    partition, out, now = Partition(TIMERS), Effects(), 1_000_000
    for offset, (gap_ms, event) in enumerate(delivered):
        now += gap_ms
        partition.observe(now)
        partition.apply(now + data.draw(AHEAD_MS), offset, event.key, event.value, out)
        assert partition.clock_ms <= now + MAX_AHEAD_MS
    partition.advance(now + 1_000_000, out)
    assert comparable(to_builtins(out.decisions[-1].record)) == final_record(events)


@given(stories(), st.data())
def test_a_log_with_records_stamped_ahead_cut_anywhere_gives_the_same_results(
    steps: list[Step], data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    lost = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    ahead = [replace(step, ahead_ms=data.draw(AHEAD_MS) if step.event else 0) for step in steps]
    told = [*ahead, Step(1_000_000, None)]
    undisturbed, disturbed = play(told, TIMERS, set(), set()), play(told, TIMERS, cuts, lost)
    note(f"{sum(step.ahead_ms > MAX_AHEAD_MS for step in ahead)} distrusted")
    assert disturbed.points == undisturbed.points
    assert disturbed.refused == undisturbed.refused
    assert _last(disturbed.decisions) == _last(undisturbed.decisions)


def _last(decisions: list[tuple[int, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {record["operation"]: comparable(record) for _, record in decisions}


@given(st.lists(st.integers(0, 150), min_size=1, max_size=60), st.data())
def test_late_events_make_one_revision_a_period(gaps: list[int], data: st.DataObject) -> None:
    """However many come: two revisions are apart by the period, and the last one tells all."""
    hosts = [f"host{number}" for number in range(len(gaps))]
    steps = [Step(0, Source().start(hosts)), Step(0, Source().end(hosts)), Step(SHORT.grace_period_ms, None)]
    steps += [Step(gap, Source().report(host)) for gap, host in zip(gaps, hosts, strict=True)]
    cuts = data.draw(st.sets(st.integers(0, len(steps) - 1)))
    late = replace(SHORT, allowed_lateness_ms=100_000)
    written = play([*steps, Step(1_000, None)], late, cuts, set())
    assert written.decisions == play([*steps, Step(1_000, None)], late, set(), set()).decisions
    revisions = [(at_ms, record) for at_ms, record in written.decisions if record["revision"] > 1]
    assert all(later - sooner >= SHORT.revise_after_ms for (sooner, _), (later, _) in pairwise(revisions))
    assert revisions[-1][1]["status"] == "completed"
    assert [record["revision"] for _, record in revisions] == list(range(2, len(revisions) + 2))


def _without_offset(decision: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    at_ms, record = decision
    return at_ms, record | {"first_offset": None}


@given(operations(Source()), operations(Source(request="req-2")), st.data())
def test_operations_do_not_touch_each_other(first: list[Event], second: list[Event], data: st.DataObject) -> None:
    mixed = data.draw(st.permutations([*first, *second]))
    partition, out = Partition(TIMERS), Effects()
    for offset, event in enumerate(mixed):
        partition.apply(1_000 + offset, offset, event.key, event.value, out)
    partition.advance(10_000_000, out)
    last = {decision.record.operation: to_builtins(decision.record) for decision in out.decisions}
    for events, source in ((first, Source()), (second, Source(request="req-2"))):
        assert comparable(last[source.operation]) == final_record(events)
    assert Counter(point.record.operation for point in out.points) == Counter(
        {name: record["hosts_done"] for name, record in last.items()}
    )
