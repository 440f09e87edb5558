from precache.runtime.throttle import Throttle


def test_the_same_comes_through_once_in_a_while_with_the_number_held_back() -> None:
    throttle = Throttle(60.0)
    assert throttle.take("a", 0.0) == 0
    assert throttle.take("a", 1.0) is None
    assert throttle.take("a", 59.9) is None
    assert throttle.take("b", 59.9) == 0
    assert throttle.take("a", 60.0) == 2
    assert throttle.take("a", 119.9) is None


def test_what_is_forgotten_comes_through_at_once() -> None:
    throttle = Throttle(60.0)
    throttle.take("a", 0.0)
    throttle.take("b", 0.0)
    throttle.forget("a")
    assert throttle.take("a", 1.0) == 0
    assert throttle.take("b", 1.0) is None
    throttle.clear()
    assert throttle.take("b", 2.0) == 0
