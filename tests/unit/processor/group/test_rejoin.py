"""A client that is no member is replaced when the coordinator answers and does not know it; and only then."""

from typing import Any
from unittest.mock import create_autospec

import pytest
import structlog

from precache.kafka.errors import KafkaRetry
from precache.kafka.groups import GroupMembers
from processor.group.membership import Membership
from processor.group.rejoin import Rejoin

OWN = "group-own"


class Group:
    """A membership, what the coordinator says, and time."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.is_member = False
        self.membership: Any = create_autospec(Membership, instance=True)
        self.members: Any = create_autospec(GroupMembers, instance=True)
        self.members.read.return_value = {"group-other"}
        self.rejoin = Rejoin(self.membership, self.members, OWN, 2.0, lambda: self.now_s)

    def after(self, seconds: int) -> int:
        """Let seconds pass, with a look in each; return how often the client was replaced."""
        for _ in range(seconds):
            self.now_s += 1.0
            self.membership.is_member = self.is_member
            self.rejoin.check()
        count: int = self.membership.renew.call_count
        return count


@pytest.fixture
def group() -> Group:
    with structlog.testing.capture_logs():
        return Group()


def test_who_is_unknown_to_the_coordinator_for_long_is_replaced_once(group: Group) -> None:
    assert group.after(9) == 0
    assert group.after(3) == 1
    assert group.after(6) == 1, "the new one has as much time"
    group.is_member = True
    assert group.after(60) == 1


def test_a_member_is_not_asked_for(group: Group) -> None:
    group.is_member = True
    assert group.after(60) == 0
    group.members.read.assert_not_called()


def test_who_waits_for_the_others_is_known_to_the_coordinator(group: Group) -> None:
    group.members.read.return_value = {OWN}
    assert group.after(300) == 0


def test_while_kafka_is_away_nobody_is_replaced(group: Group) -> None:
    group.members.read.side_effect = KafkaRetry("look", "_TIMED_OUT", "")
    assert group.after(300) == 0
    group.members.read.side_effect = lambda _s: set()
    assert group.after(5) == 0
    assert group.after(9) == 1


def test_who_joins_in_time_is_kept(group: Group) -> None:
    assert group.after(8) == 0
    group.is_member = True
    group.after(1)
    group.is_member = False
    assert group.after(8) == 0
