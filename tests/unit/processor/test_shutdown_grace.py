"""A stop is heard in time, whatever the work waits for."""

from functools import partial
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from precache.runtime.shutdown import Stop, finish_within
from processor.shutdown import ShutdownGrace

LONG_S = 30.0


def wait_for(event: Event) -> None:
    event.wait(LONG_S)


def test_work_that_ends_by_itself() -> None:
    stop, done = Stop(), Event()
    assert finish_within(done.set, stop, LONG_S)
    assert done.is_set()
    assert not stop.requested


def test_what_the_work_raises_is_raised() -> None:
    def fail() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        finish_within(fail, Stop(), LONG_S)


def test_work_that_hears_the_stop_is_waited_for() -> None:
    stop, ended = Stop(), Event()

    def work() -> None:
        stop.wait()
        ended.wait(0.05)
        ended.set()

    Thread(target=stop.request, args=("enough",), daemon=True).start()
    assert finish_within(work, stop, LONG_S)
    assert ended.is_set()


def test_work_that_hangs_is_left_behind() -> None:
    stop, never = Stop(), Event()
    stop.request("enough")
    began = monotonic()
    assert not finish_within(partial(wait_for, never), stop, 0.1)
    assert 0.1 <= monotonic() - began < LONG_S / 2
    never.set()


def test_patience_ends_at_half_the_time_after_the_request() -> None:
    stop = Stop()
    grace = ShutdownGrace(stop, 0.2)
    seen = [grace.ended]
    stop.request("enough")
    began = monotonic()
    seen.append(grace.ended)
    while not grace.ended:
        assert monotonic() - began < LONG_S
        sleep(0.01)
    assert seen == [False, False]
    assert monotonic() - began >= 0.1
