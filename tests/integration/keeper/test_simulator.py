"""Days and weeks of the simulated world, with the invariants checked at each request and each purge."""

from datetime import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from keeper.core.declaration import CloudRules, Declaration, ImageChoice, Window
from keeper.simulator.story import DAY_S, HOUR_S, KINDS, MINUTE_S, NIGHT, Fault, Story, random_story
from keeper.simulator.world import World

BOTH = (ImageChoice("ubuntu"), ImageChoice(properties=(("os_distro", "debian"),)))
IMAGES = ("ubuntu", "debian")


def story(*faults: Fault, window: Window | None = None, days: float = 5.0, **changes: object) -> Story:
    declared = [Declaration("cloud", name, BOTH, window=window) for name in ("a", "b")]
    return Story(declared, {"a": 3, "b": 2}, IMAGES, days, faults, **changes)  # type: ignore[arg-type]


FAULTS = st.lists(
    st.builds(
        Fault,
        at_s=st.floats(0.0, 4 * DAY_S),
        kind=st.sampled_from(KINDS),
        for_s=st.sampled_from([2 * MINUTE_S, 20 * MINUTE_S, 2 * HOUR_S, 8 * HOUR_S]),
        count=st.integers(1, 4),
        which=st.integers(0, 20),
    ),
    max_size=12,
)


# Each example is a week: fewer of them, in `make soak` too.
@settings(max_examples=settings().max_examples // 8)
@given(FAULTS, st.sampled_from([None, None, NIGHT]), st.integers(1, 2))
def test_the_invariants_hold_and_all_is_there_in_the_end(
    faults: list[Fault], window: Window | None, requests: int
) -> None:
    world = World(story(*faults, window=window, days=7, rules=CloudRules(requests=requests))).run()
    for fault in faults:
        event(fault.kind)
    assert world.invariants.requests or not any(each.hosts for each in world.nova.aggregates.values())
    assert world.absent() == []


def test_three_weeks_with_a_fault_every_few_hours() -> None:
    world = World(random_story(1, 21)).run()
    assert len(world.invariants.requests) > 21
    assert world.absent() == []


def test_without_faults_nothing_is_purged_and_each_image_is_asked_for_every_twenty_hours() -> None:
    world = World(story(days=10)).run()
    assert world.invariants.purges == 0
    # Four pairs of an aggregate and an image.
    assert len(world.invariants.requests) == pytest.approx(4 * 10 * 24 / 20, rel=0.1)


@pytest.mark.parametrize(
    "window",
    [NIGHT, Window(time(1), time(3), ZoneInfo("UTC")), Window(time(9), time(9, 30), ZoneInfo("Asia/Kathmandu"))],
    ids=["of-8-hours", "of-2-hours", "of-30-minutes"],
)
def test_with_a_window_each_night_nothing_is_purged(window: Window) -> None:
    # Purged after 26 h: a window of half an hour a day allows for 24 h and what a request takes.
    world = World(story(days=8, window=window, rules=CloudRules(purge_after_s=26 * HOUR_S, requests=4))).run()
    assert world.invariants.purges == 0
    assert world.absent() == []


@pytest.mark.parametrize(
    "kind", ["nova_away", "store_away", "kafka_away", "bridge_away", "processor_away", "keeper_away"]
)
@pytest.mark.parametrize("begins_s", [30 * HOUR_S, 39 * HOUR_S])
def test_an_outage_shorter_than_the_margin_costs_nothing(kind: str, begins_s: float) -> None:
    world = World(story(Fault(begins_s, kind, for_s=3 * HOUR_S), days=3)).run()  # type: ignore[arg-type]
    assert world.invariants.purges == 0
    assert world.absent() == []


@pytest.mark.parametrize("kind", ["killed_before_intent", "killed_after_intent", "killed_after_request"])
def test_a_keeper_killed_at_any_step_asks_nothing_twice(kind: str) -> None:
    calm = len(World(story()).run().invariants.requests)
    world = World(story(*[Fault(hour * HOUR_S, kind) for hour in (0, 1, 20, 40, 60)])).run()  # type: ignore[arg-type]
    asked = [record.global_request_id for _, record, _ in world.invariants.requests]
    assert len(asked) == len(set(asked))
    assert world.invariants.purges == 0
    # A request that was intended and never sent is not among them: it is asked in the next round.
    assert len(asked) <= calm + 4


def test_after_a_day_of_outage_requests_come_one_after_another() -> None:
    world = World(story(Fault(10 * HOUR_S, "nova_away", for_s=30 * HOUR_S))).run()
    after = [at_s for at_s, _, _ in world.invariants.requests if at_s > world.story.start_s + 40 * HOUR_S]
    assert after[0] < world.story.start_s + 40 * HOUR_S + 10 * MINUTE_S
    assert world.absent() == []
