"""Who hangs, by steps of time that the test gives."""

import time

import pytest

from precache.runtime.bounded import NotReturnedError, call_within
from precache.runtime.health import Health
from precache.runtime.watchdog import Hang, Watchdog, WatchdogLimits

LIMITS = WatchdogLimits(round_s=30.0, beat_s=120.0, end_s=180.0)


@pytest.fixture
def hangs() -> list[Hang]:
    return []


@pytest.fixture
def watchdog(hangs: list[Hang]) -> Watchdog:
    return Watchdog(LIMITS, hangs.append)


def test_a_loop_that_turns_is_well(watchdog: Watchdog, hangs: list[Hang]) -> None:
    watched = watchdog.watch("loop")
    for _ in range(100):
        watched.round_ended()
        watchdog.pass_time(29.0)
    assert (watchdog.stale(), watchdog.sick(), hangs) == ({}, "", [])


def test_one_that_beats_but_ends_no_turn_is_stale_and_not_sick(watchdog: Watchdog, hangs: list[Hang]) -> None:
    watched = watchdog.watch("loop")
    for _ in range(40):
        watched.beat()
        watchdog.pass_time(10.0)
    # The first step sees the first beat: time counts from then on.
    assert watchdog.stale() == {"loop": "no round has ended for 400 s"}
    assert (watchdog.sick(), hangs) == ("", [])
    watched.round_ended()
    watchdog.pass_time(10.0)
    assert watchdog.stale() == {}


def test_one_that_is_silent_is_stale_then_sick_then_the_end(watchdog: Watchdog, hangs: list[Hang]) -> None:
    well = watchdog.watch("cloud:rome")
    watchdog.watch("cloud:paris").round_ended()
    seen = []
    for _ in range(20):
        seen.append((bool(watchdog.stale()), bool(watchdog.sick()), len(hangs)))
        well.round_ended()
        watchdog.pass_time(10.0)
    assert seen.index((True, False, 0)) == 4
    assert seen.index((True, True, 0)) == 13
    assert seen.index((True, True, 1)) == 19
    assert {hang.loop for hang in hangs} == {"cloud:paris"}
    assert any(place.endswith("test_one_that_is_silent_is_stale_then_sick_then_the_end") for place in hangs[0].stack)


def test_one_that_ended_is_forgotten(watchdog: Watchdog, hangs: list[Hang]) -> None:
    watchdog.forget(watchdog.watch("loop"))
    watchdog.pass_time(1_000.0)
    assert (watchdog.stale(), watchdog.sick(), hangs) == ({}, "", [])


def test_a_stale_loop_is_not_ready_whatever_it_said_before(watchdog: Watchdog) -> None:
    health = Health(watchdog)
    watchdog.watch("cloud:paris")
    health.set("cloud:paris", True)
    assert health.ready()
    watchdog.pass_time(31.0)
    assert not health.ready()
    assert health.report()["parts"]["cloud:paris"] == {"ready": False, "why": "no round has ended for 31 s"}
    health.set("cloud:paris", False, "Kafka is away")
    assert health.report()["parts"]["cloud:paris"]["why"] == "no round has ended for 31 s; before: Kafka is away"
    assert not health.sick()
    watchdog.pass_time(100.0)
    assert "cloud:paris hangs for 131 s in " in health.sick()


def test_a_bounded_call_hands_on_what_came_of_it() -> None:
    assert call_within(30.0, lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        call_within(30.0, lambda: 1 / 0)
    with pytest.raises(NotReturnedError):
        call_within(0.05, lambda: time.sleep(2.0))
