from time import monotonic

from precache.runtime.deadline import Deadline


def test_a_deadline_to_come() -> None:
    deadline = Deadline.after(100)
    assert 99 < deadline.left() <= 100
    assert not deadline.passed


def test_a_deadline_that_has_passed() -> None:
    deadline = Deadline(monotonic() - 5)
    assert deadline.left() == 0.0
    assert deadline.passed
