"""When a cloud is stopped, and when it goes on."""

from collections.abc import Iterable

import pytest

from bridge.delivery.breaker import Breaker, BreakerLimits

LIMITS = BreakerLimits(share=0.8, window=100, minimum=20, pause_s=60.0)


def taken(breaker: Breaker, messages: Iterable[bool]) -> int:
    """How many messages (readable or not) were taken before one had to stay in the queue."""
    count = 0
    for is_readable in messages:
        if is_readable:
            breaker.readable(1)
        elif breaker.unreadable("not-json", 0.0):
            break
        count += 1
    return count


def opened() -> Breaker:
    breaker = Breaker("paris", LIMITS)
    assert taken(breaker, [False] * 30) == 19
    return breaker


@pytest.mark.parametrize(
    ("limits", "messages", "count"),
    [
        (LIMITS, [False] * 19, 19),
        (LIMITS, [False] * 200, 19),
        (LIMITS, [True] * 1_000 + [False] * 200, 1_080),  # 81 of the last 100 are too many
        (LIMITS, [False, True] * 200, 400),
        (LIMITS, [False] * 19 + [True, False] * 50, 20),
        (LIMITS, [True, False, False, False, False] * 100, 500),
        (BreakerLimits(share=1.0), [False] * 1_000, 1_000),
        (BreakerLimits(share=0.01, minimum=1, window=1), [True, False], 1),
    ],
)
def test_how_many_are_taken(limits: BreakerLimits, messages: list[bool], count: int) -> None:
    breaker = Breaker("paris", limits)
    assert taken(breaker, messages) == count
    assert breaker.is_open == (count < len(messages)) == bool(breaker.why)


def test_what_is_said() -> None:
    breaker = Breaker("paris", LIMITS)
    for reason in ["internal-error"] * 18 + ["not-json"] * 2:
        breaker.unreadable(reason, 0.0)
    assert breaker.why.startswith(
        "stopped: 20 of the last 20 messages can't be read (internal-error 18, not-json 2). The messages stay in the"
        " queue; one is tried every 60 s. See `precache deadletters list --cloud paris`. internal-error is an error of"
    )
    assert "`breaker: {share: 1}`" in breaker.why
    assert "internal-error" not in opened().why


def test_after_the_pause_one_message_is_tried_and_taken_even_if_it_can_not_be_read() -> None:
    breaker = opened()
    assert breaker.pause_left_s(59.0) == 1.0
    assert not breaker.opening(59.0)
    assert breaker.pause_left_s(60.0) == 0.0
    assert breaker.opening(61.0)
    assert not breaker.unreadable("not-json", 62.0), "it becomes a dead letter"
    assert breaker.is_open
    assert breaker.pause_left_s(63.0) == 59.0
    assert breaker.why.startswith("stopped: 20 of the last 20"), "what was said stays"


def probing(at_s: float = 60.0) -> Breaker:
    breaker = opened()
    assert breaker.pause_left_s(60.0) == 0.0
    assert breaker.opening(at_s)
    assert breaker.why
    return breaker


def test_readable_messages_close_it() -> None:
    breaker = probing()
    breaker.readable(19)
    assert not breaker.recovers(61.0)
    breaker.readable(1)
    assert breaker.recovers(61.0)
    assert (breaker.why, breaker.is_open) == ("", False)
    assert not breaker.opening(62.0)


def test_a_probe_goes_on_over_some_that_can_not_be_read() -> None:
    breaker = probing()
    breaker.readable(1)
    assert not breaker.unreadable("not-json", 61.0)
    assert not breaker.is_open
    for _ in range(3):
        breaker.unreadable("not-json", 61.0)
    assert not breaker.is_open, "4 of 5 are no more than the share"
    breaker.unreadable("not-json", 61.0)
    assert breaker.is_open


def test_an_empty_queue_closes_it_after_a_pause() -> None:
    breaker = probing(at_s=500.0)  # RabbitMQ was away in between
    assert not breaker.recovers(559.0)
    assert breaker.recovers(560.0)


def test_a_closed_one_recovers_from_nothing() -> None:
    assert not Breaker("paris", LIMITS).recovers(1e9)
