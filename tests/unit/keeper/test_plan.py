"""What is planned: tables of what is seen, and what follows."""

from dataclasses import replace

import pytest
from msgspec import structs

from keeper.core.declaration import ImageChoice, RetryPolicy
from keeper.core.observed import CloudView, ObservedHost, ObservedHostImage, ObservedImage, Unavailable
from keeper.core.plan import answered
from keeper.core.requests import global_request_id
from precache.contract.wanted import Wanted
from tests.unit.keeper.build import DECLARED, HOUR, NOW, UBUNTU, cached, only, operation, plan, view


def intent(now_s: float = NOW, seen: CloudView | None = None) -> Wanted:
    """Return the intent of a first request."""
    (call,) = plan(seen or view(heartbeat_s=now_s - 30), now_s=now_s).calls
    return call.record


def accepted(now_s: float) -> Wanted:
    return answered(intent(now_s), "accepted", "", now_s)


def test_what_nobody_asked_for_is_asked_for_with_an_id_that_follows_from_it() -> None:
    (call,) = plan(view()).calls
    record = call.record
    assert (call.aggregate_id, record.image, record.round, record.attempt) == (1, "u-1", 1, 1)
    assert (record.state, record.answer) == ("working", "intended")
    assert record.global_request_id == global_request_id("paris/uuid-app/u-1", 1, NOW)
    assert record.global_request_id != global_request_id("paris/uuid-app/u-1", 2, NOW)


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (view(residency=cached("h1", "h2")), "resident", "resident on 2 hosts"),
        (view(()), "waiting", "the aggregate has no hosts"),
        (view([ObservedHost("h1", up=False)]), "waiting", "h1 is down"),
        (view(["h1", ObservedHost("h2", up=False)], residency=cached("h1")), "waiting", "h2 is down"),
        (view(heartbeat_s=NOW - 400), "waiting", "no heartbeat"),
        (view(heartbeat_s=None), "waiting", "no heartbeat"),
        (view(operations=[operation()]), "waiting", "images not known yet"),
        (view(operations=[operation(images=["u-1"], hosts_done=1)]), "waiting", "for this image"),
        (view(aggregates=[]), "failing", "aggregate app is not in Nova"),
        (view(images=[]), "failing", "image ubuntu is not in Glance"),
        (view(images=[replace(UBUNTU, status="queued")]), "failing", "image ubuntu is queued, not active"),
    ],
)
def test_what_is_there_or_can_not_be_had_is_not_asked_for(seen: CloudView, state: str, reason: str) -> None:
    made = plan(seen)
    assert made.calls == []
    assert only(made).state == state
    assert reason in only(made).reason


def test_an_operation_for_other_images_and_one_that_is_over_are_not_in_the_way() -> None:
    others = [operation(images=["x"], hosts_done=1), operation(status="completed")]
    assert len(plan(view(operations=others)).calls) == 1


def test_it_is_asked_for_again_the_margin_before_the_purge_and_not_before() -> None:
    touched_s = NOW - 20 * HOUR
    seen = view(residency=cached("h1", "h2", touched_s=touched_s))
    assert plan(seen, now_s=NOW - 1).calls == []
    assert len(plan(seen, now_s=NOW).calls) == 1
    assert plan(seen, purge_after_s=25 * HOUR).calls == []
    assert plan(seen, by_aggregate={"app": 30 * HOUR}).calls == []


def test_the_oldest_touch_of_a_host_that_is_up_decides() -> None:
    residency = {
        ("uuid-app", "u-1"): {
            "h1": ObservedHostImage("cached", NOW - HOUR),
            "h2": ObservedHostImage("cached", NOW - 21 * HOUR),
        }
    }
    assert len(plan(view(residency=residency)).calls) == 1
    assert plan(view(["h1", ObservedHost("h2", up=False)], residency=residency)).calls == []


def test_while_the_request_is_open_nothing_is_asked() -> None:
    record = accepted(NOW)
    for seen in (
        view(),
        view(operations=[operation(record.global_request_id)]),
        view(operations=[operation(record.global_request_id, status="stalled")]),
        view(started=frozenset({record.global_request_id}), heartbeat_s=NOW + 7_000),
    ):
        made = plan(seen, record, now_s=NOW + 7_000)
        assert made.calls == []
        assert only(made).state == "working"


def test_a_request_of_which_nothing_was_heard_waits_for_a_later_heartbeat_and_then_the_backoff() -> None:
    record = intent()
    assert only(plan(view(heartbeat_s=NOW + 59), record, now_s=NOW + 3_600)).outcome == ""
    unheard = only(plan(view(heartbeat_s=NOW + 60), record, now_s=NOW + 90))
    assert unheard.outcome == "unheard"
    assert plan(view(heartbeat_s=NOW + 590), unheard, now_s=NOW + 599).calls == []
    (call,) = plan(view(heartbeat_s=NOW + 590), unheard, now_s=NOW + 600).calls
    assert (call.record.round, call.record.failures, call.record.attempt) == (2, 1, 1)
    assert call.record.global_request_id != record.global_request_id


def test_what_nova_refused_is_said_in_its_words_and_asked_again_ever_more_rarely() -> None:
    now_s, record, gaps = NOW, intent(), []
    for _ in range(9):
        record = answered(record, "refused", "403: policy", now_s)
        status = only(plan(view(heartbeat_s=now_s + 1), record, now_s=now_s + 1))
        assert status.state == "failing"
        assert "403: policy" in status.reason
        asked_s, record = now_s, status
        while not (calls := plan(view(heartbeat_s=now_s), record, now_s=now_s).calls):
            now_s += 60
        gaps.append(now_s - asked_s)
        record = calls[0].record
    assert gaps == [600, 1_200, 2_400, 4_800, 9_600, 19_200, 21_600, 21_600, 21_600]


def test_hosts_that_failed_are_asked_for_again_with_backoff_then_with_the_next_cycle() -> None:
    residency = {("uuid-app", "u-1"): {"h1": ObservedHostImage("cached", NOW), "h2": ObservedHostImage("failed", None)}}
    record, now_s, gaps = accepted(NOW), NOW, []
    for _ in range(3):
        ended_s = now_s + 100
        mine = operation(record.global_request_id, status="completed_with_errors", last_event_s=ended_s)
        now_s = ended_s
        while not (
            calls := plan(view(residency=residency, operations=[mine], heartbeat_s=now_s), record, now_s=now_s).calls
        ):
            now_s += 60
        gaps.append(now_s - ended_s)
        record = answered(calls[0].record, "accepted", "", now_s)
        residency["uuid-app", "u-1"]["h1"] = ObservedHostImage("cached", now_s)
    assert gaps[:2] == [600, 1_200]
    # Attempt 3 of 3 was in vain: with the renewal of what is there, 20 h after it was asked for.
    assert gaps[2] == pytest.approx(20 * HOUR - 100, abs=60)
    assert record.attempt == 1


def test_a_host_that_joined_is_left_alone_for_a_while_then_asked() -> None:
    seen = view(["h1", ObservedHost("h2", since_s=NOW - 500)], residency=cached("h1"))
    assert plan(seen).calls == []
    assert len(plan(replace(seen, heartbeat_s=NOW + 100), now_s=NOW + 100).calls) == 1


def test_a_host_that_came_back_up_is_asked_although_all_attempts_failed() -> None:
    record = structs.replace(accepted(NOW - 2 * HOUR), outcome="over", attempt=3, ended_at="2025-12-31T22:10:00.000Z")
    residency = {
        ("uuid-app", "u-1"): {"h1": ObservedHostImage("cached", NOW - HOUR), "h2": ObservedHostImage("failed", None)}
    }
    assert plan(view(residency=residency), record).calls == []
    back = view(["h1", ObservedHost("h2", since_s=NOW - 600)], residency=residency)
    assert len(plan(back, record).calls) == 1


def test_a_host_that_no_operation_covers_although_it_was_asked_does_not_lead_to_requests_without_end() -> None:
    record = structs.replace(accepted(NOW - 2 * HOUR), outcome="over", attempt=3, ended_at="2025-12-31T22:10:00.000Z")
    made = plan(view(residency=cached("h1", touched_s=NOW - 2 * HOUR)), record)
    assert made.calls == []
    assert only(made).state == "failing"


def test_no_more_requests_at_once_than_allowed_the_longest_due_first() -> None:
    images = [ObservedImage(f"i-{number}", f"image-{number}") for number in range(3)]
    declared = replace(DECLARED, images=tuple(ImageChoice(each.name) for each in images))
    residency = {
        ("uuid-app", each.id): {
            host: ObservedHostImage("cached", NOW - (20.5 + number) * HOUR) for host in ("h1", "h2")
        }
        for number, each in enumerate(images)
    }
    seen = view(images=images, residency=residency)
    assert [call.record.image for call in plan(seen, declared=declared).calls] == ["i-2"]
    assert [call.record.image for call in plan(seen, declared=declared, requests=2).calls] == ["i-2", "i-1"]
    waiting = [each.record for each in plan(seen, declared=declared).statuses if each.record.image == "i-0"]
    assert "its turn" in waiting[0].reason


def test_a_request_for_what_is_not_declared_any_more_counts_until_it_is_over() -> None:
    gone = structs.replace(accepted(NOW), image="old", global_request_id="req-old")
    made = plan(view(), gone)
    assert made.calls == []
    assert {each.record.image: each.record.state for each in made.statuses} == {"old": "removed", "u-1": "waiting"}
    over = view(operations=[operation("req-old", images=["old"], hosts_done=2, status="completed")])
    assert len(plan(over, gone).calls) == 1


def test_an_operation_whose_conductor_is_gone_is_given_up_but_not_one_that_waits_or_hangs() -> None:
    record = accepted(NOW)
    mine = operation(record.global_request_id, status="stalled", started_s=NOW, last_event_s=NOW)
    # Two hosts may hang for half an hour each.
    assert plan(view(operations=[mine], heartbeat_s=NOW + 3_899), record, now_s=NOW + 3_900).calls == []
    (call,) = plan(view(operations=[mine], heartbeat_s=NOW + 3_900), record, now_s=NOW + 3_900).calls
    assert (call.record.round, call.record.failures) == (2, 1)
    # Behind another operation, which moved just now.
    other = operation(id="other", started_s=NOW - 60, last_event_s=NOW + 3_000, status="completed")
    assert plan(view(operations=[mine, other], heartbeat_s=NOW + 3_900), record, now_s=NOW + 3_900).calls == []


def test_a_cloud_that_does_not_answer_keeps_what_was_seen_and_says_so() -> None:
    record = only(plan(view(residency=cached("h1", "h2"))))
    made = plan(Unavailable("Nova does not answer"), record)  # type: ignore[arg-type]
    assert made.calls == ()
    assert (only(made).hosts_resident, only(made).state, only(made).reason) == (2, "waiting", "Nova does not answer")


def test_paused_asks_nothing() -> None:
    made = plan(view(), declared=replace(DECLARED, paused=True))
    assert (made.calls, only(made).state) == ([], "paused")


def test_a_record_changes_its_time_only_with_something_else() -> None:
    seen = view(residency=cached("h1", "h2"))
    first = only(plan(seen))
    assert only(plan(replace(seen, heartbeat_s=NOW + 50), first, now_s=NOW + 60)) == first


def test_by_property_the_newest_are_meant_and_others_are_removed() -> None:
    images = [
        ObservedImage(f"d-{day}", "debian", "active", f"2026-01-0{day}", {"os_distro": "debian"}) for day in (1, 2, 3)
    ]
    choice = ImageChoice(properties=(("os_distro", "debian"),), newest=2)
    declared = replace(DECLARED, images=(choice,))
    made = plan(view(images=[*images, UBUNTU]), declared=declared, requests=5)
    assert {call.record.image for call in made.calls} == {"d-3", "d-2"}


@pytest.mark.parametrize(
    ("deadline_s", "late"),
    [(NOW + 30 * 60, True), (NOW + 3 * HOUR, False), (NOW - 1, True)],
)
def test_a_deadline_that_can_not_be_met_at_the_known_rate_is_said(deadline_s: float, late: bool) -> None:  # noqa: FBT001
    declared = replace(DECLARED, deadline_s=deadline_s)
    # Ten hosts took ten minutes each, the last time.
    before = operation(
        images=["u-1"],
        status="completed",
        hosts_total=10,
        hosts_done=10,
        started_s=NOW - 9_000,
        last_event_s=NOW - 3_000,
    )
    hosts = [f"h{number}" for number in range(10)]
    (status,) = plan(view(hosts, operations=[before]), declared=declared).statuses
    assert status.late is late
    assert ("deadline" in status.record.reason) is late
    (met,) = plan(view(hosts, residency=cached(*hosts)), declared=declared).statuses
    assert met.late is False


def test_attempts_is_the_users_to_choose() -> None:
    record = structs.replace(accepted(NOW - 2 * HOUR), outcome="over", ended_at="2025-12-31T22:10:00.000Z")
    residency = {
        ("uuid-app", "u-1"): {"h1": ObservedHostImage("cached", NOW - HOUR), "h2": ObservedHostImage("failed", None)}
    }
    once = replace(DECLARED, retry=RetryPolicy(attempts=1))
    assert plan(view(residency=residency), record, declared=once).calls == []
    assert len(plan(view(residency=residency), record).calls) == 1
