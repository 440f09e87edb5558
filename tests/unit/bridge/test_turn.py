"""Turns at the interpreter: who had to wait for few messages rests, nobody else does."""

import threading
import time

import pytest

from bridge.turn import Turn


class Others:
    """Another cloud that is in its turn for a while whenever ours comes."""

    def __init__(self, busy_s: float) -> None:
        self.now_s = 0.0
        self.busy_s = busy_s
        self.held = False

    def acquire(self, *, blocking: bool = True) -> bool:
        assert not self.held
        if self.busy_s and not blocking:
            return False
        self.now_s += self.busy_s
        self.held = True
        return True

    def release(self) -> None:
        self.held = False


def rests(busy_s: float, *messages: int) -> list[float]:
    """Return the rests that follow turns for so many messages each."""
    others, slept = Others(busy_s), list[float]()
    turn = Turn(others, lambda: others.now_s, slept.append)  # type: ignore[arg-type]
    for count in messages:
        with turn:
            within = others.held
        assert (within, others.held) == (True, False)
        turn.had(count)
        turn.rest()
    turn.rest()
    return slept


def test_nobody_rests_where_nobody_waits() -> None:
    assert rests(0.0, 0, 1, 1_000) == []


def test_who_waited_for_few_messages_lets_more_of_them_gather() -> None:
    assert rests(0.01, 0, 255) == pytest.approx([0.05, 0.05])
    assert rests(0.03, 1) == [0.1]


def test_who_had_many_messages_does_not_rest() -> None:
    assert rests(0.03, 256) == []


def test_a_turn_that_is_not_told_of_leaves_no_rest() -> None:
    others, slept = Others(0.03), list[float]()
    turn = Turn(others, lambda: others.now_s, slept.append)  # type: ignore[arg-type]
    with turn:
        pass
    turn.rest()
    assert slept == []


def test_turns_are_given_back_when_they_fail() -> None:
    lock = threading.Lock()
    turn = Turn(lock)
    with pytest.raises(ValueError, match="odd"), turn:
        raise ValueError("odd")
    assert not lock.locked()


def test_the_clouds_of_a_process_share_their_turns() -> None:
    first, second, order = Turn(), Turn(), list[str]()

    def other() -> None:
        with second:
            order.append("second")

    thread = threading.Thread(target=other)
    with first:
        thread.start()
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
