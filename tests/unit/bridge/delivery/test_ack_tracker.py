import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.ack_tracker import AckTracker


class Channel:
    """RabbitMQ's side: a multiple ack of a tag that is not outstanding closes the channel (rabbit_channel.erl)."""

    def __init__(self, count: int) -> None:
        self.outstanding = set(range(1, count + 1))

    def ack(self, tag: int, *, multiple: bool) -> None:
        assert tag in self.outstanding, f"PRECONDITION_FAILED - unknown delivery tag {tag}"
        self.outstanding = {left for left in self.outstanding if left > tag or (not multiple and left != tag)}


def test_the_prefix_goes_in_one_ack() -> None:
    acks = AckTracker()
    for tag in (1, 2, 3, 4):
        acks.received(tag)
    for tag in (2, 1, 4):
        acks.settle(tag)
    assert acks.take_prefix() == 2
    assert acks.take_prefix() == 0
    assert acks.head == 3
    assert acks.unsettled == 1


def test_what_stands_beyond_a_stuck_head_goes_singly_and_once() -> None:
    acks = AckTracker()
    for tag in range(1, 6):
        acks.received(tag)
    for tag in (2, 3, 5):
        acks.settle(tag)
    assert acks.take_singles() == [2, 3, 5]
    assert acks.take_singles() == []
    acks.settle(1)
    assert acks.take_prefix() == 1, "2 and 3 are not outstanding any more: the multiple ack names 1"
    acks.settle(4)
    assert acks.take_prefix() == 4


@pytest.mark.parametrize("tag", [0, 2, 4])
def test_a_tag_that_does_not_wait_is_refused(tag: int) -> None:
    acks = AckTracker()
    for received in (1, 2, 3):
        acks.received(received)
    acks.settle(2)
    with pytest.raises(ValueError, match=f"delivery tag {tag}"):
        acks.settle(tag)


def test_a_tag_of_another_channel_is_refused() -> None:
    acks = AckTracker()
    acks.received(1)
    with pytest.raises(ValueError, match="not of this channel"):
        acks.received(1)


@given(count=st.integers(1, 60), seed=st.integers(0, 10_000), singles_every=st.integers(1, 9))
def test_only_settled_deliveries_are_acknowledged_and_in_the_end_all(count: int, seed: int, singles_every: int) -> None:
    choose = random.Random(seed)
    order = choose.sample(range(1, count + 1), count)
    acks, channel, settled = AckTracker(), Channel(count), set[int]()
    for tag in range(1, count + 1):
        acks.received(tag)
    for step, tag in enumerate(order):
        acks.settle(tag)
        settled.add(tag)
        if choose.random() < 0.5:
            continue
        prefix = acks.take_prefix()
        if prefix:
            channel.ack(prefix, multiple=True)
        if step % singles_every == 0:
            for single in acks.take_singles():
                channel.ack(single, multiple=False)
        assert set(range(1, count + 1)) - channel.outstanding <= settled, "never past a gap"
    prefix = acks.take_prefix()
    if prefix:
        channel.ack(prefix, multiple=True)
    assert channel.outstanding == set()
    assert acks.unsettled == 0
