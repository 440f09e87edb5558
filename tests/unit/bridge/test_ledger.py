import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.ack_tracker import Ledger


class Channel:
    """RabbitMQ's side: a multiple ack of a tag that is not outstanding closes the channel (rabbit_channel.erl)."""

    def __init__(self, count: int) -> None:
        self.outstanding = set(range(1, count + 1))

    def ack(self, tag: int, *, multiple: bool) -> None:
        assert tag in self.outstanding, f"PRECONDITION_FAILED - unknown delivery tag {tag}"
        self.outstanding = {left for left in self.outstanding if left > tag or (not multiple and left != tag)}


def test_the_prefix_goes_in_one_ack() -> None:
    ledger = Ledger()
    for tag in (1, 2, 3, 4):
        ledger.received(tag)
    for tag in (2, 1, 4):
        ledger.settle(tag)
    assert ledger.take_prefix() == 2
    assert ledger.take_prefix() == 0
    assert ledger.head == 3
    assert ledger.unsettled == 1


def test_what_stands_beyond_a_stuck_head_goes_singly_and_once() -> None:
    ledger = Ledger()
    for tag in range(1, 6):
        ledger.received(tag)
    for tag in (2, 3, 5):
        ledger.settle(tag)
    assert ledger.take_singles() == [2, 3, 5]
    assert ledger.take_singles() == []
    ledger.settle(1)
    assert ledger.take_prefix() == 1, "2 and 3 are not outstanding any more: the multiple ack names 1"
    ledger.settle(4)
    assert ledger.take_prefix() == 4


@pytest.mark.parametrize("tag", [0, 2, 4])
def test_a_tag_that_does_not_wait_is_refused(tag: int) -> None:
    ledger = Ledger()
    for received in (1, 2, 3):
        ledger.received(received)
    ledger.settle(2)
    with pytest.raises(ValueError, match=f"delivery tag {tag}"):
        ledger.settle(tag)


def test_a_tag_of_another_channel_is_refused() -> None:
    ledger = Ledger()
    ledger.received(1)
    with pytest.raises(ValueError, match="not of this channel"):
        ledger.received(1)


@given(count=st.integers(1, 60), seed=st.integers(0, 10_000), singles_every=st.integers(1, 9))
def test_only_settled_deliveries_are_acknowledged_and_in_the_end_all(count: int, seed: int, singles_every: int) -> None:
    choose = random.Random(seed)
    order = choose.sample(range(1, count + 1), count)
    ledger, channel, settled = Ledger(), Channel(count), set[int]()
    for tag in range(1, count + 1):
        ledger.received(tag)
    for step, tag in enumerate(order):
        ledger.settle(tag)
        settled.add(tag)
        if choose.random() < 0.5:
            continue
        prefix = ledger.take_prefix()
        if prefix:
            channel.ack(prefix, multiple=True)
        if step % singles_every == 0:
            for single in ledger.take_singles():
                channel.ack(single, multiple=False)
        assert set(range(1, count + 1)) - channel.outstanding <= settled, "never past a gap"
    prefix = ledger.take_prefix()
    if prefix:
        channel.ack(prefix, multiple=True)
    assert channel.outstanding == set()
    assert ledger.unsettled == 0
