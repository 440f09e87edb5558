"""Whose transactions are ended, and what does not hold that up."""

import threading
from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import create_autospec

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from precache.kafka import bounded
from precache.kafka.errors import KafkaRetry
from precache.kafka.groups import GroupCommits, GroupMembers
from processor.group import commit_metadata
from processor.group.predecessors import Predecessors

OWN, DEAD, OTHER = "group-own", "group-dead", "group-other"


class Group:
    """A group's commits and members, and the producers that are made to fence."""

    def __init__(self) -> None:
        self.fenced: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.hanging = threading.Event()
        self.hanging.set()
        self.commits, self.members = (create_autospec(kind, instance=True) for kind in (GroupCommits, GroupMembers))
        self.last = ""
        self.there = {OWN}
        self.commits.read.side_effect = lambda topic, numbers, _s: [
            TopicPartition(topic, numbers[0], 5, metadata=commit_metadata.write(self._metadata()))
        ]
        self.members.read.side_effect = lambda _s: set(self.there)
        self.predecessors = Predecessors(
            self.commits, self.members, topic="t", own=OWN, of_group="group-", make=self._make, call_s=0.05
        )

    def _metadata(self) -> commit_metadata.CommitMetadata:
        return commit_metadata.CommitMetadata(0, 1, 0, None, self.last)

    def _make(self, name: str) -> Producer:
        def init(_timeout_s: float) -> None:
            self.hanging.wait(60)
            if name in self.errors:
                raise self.errors[name]
            self.fenced.append(name)

        producer: Any = create_autospec(Producer, instance=True)
        producer.init_transactions = init
        return cast("Producer", producer)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    monkeypatch.setattr(bounded, "_OVERTIME_S", 0.05)
    made = Group()
    with structlog.testing.capture_logs():
        yield made
    made.hanging.set()


def test_who_committed_last_and_is_gone_is_fenced_once(group: Group) -> None:
    group.last = DEAD
    assert [group.predecessors.end_transactions(0), group.predecessors.end_transactions(1)] == [True, True]
    assert group.fenced == [DEAD]


def test_who_lives_is_not_fenced_nor_is_anybody_while_we_are_no_member(group: Group) -> None:
    group.last, group.there = OTHER, {OWN, OTHER}
    assert group.predecessors.end_transactions(0)
    group.there = set()
    assert group.predecessors.end_transactions(0)
    assert group.fenced == []


def test_who_was_a_member_and_is_gone_is_fenced_though_no_commit_names_it(group: Group) -> None:
    group.last, group.there = OWN, {OWN, DEAD, "a tool"}
    group.predecessors.note_members()
    group.there = {OWN}
    group.predecessors.note_members()
    assert group.predecessors.end_transactions(0)
    assert group.fenced == [DEAD], "and nobody who is no processor"
    group.predecessors.note_members()
    assert group.predecessors.end_transactions(0)
    assert group.fenced == [DEAD], "once, until it is seen again"


def test_a_call_that_does_not_return_is_left_to_kafka(group: Group) -> None:
    group.last = DEAD
    group.hanging.clear()
    assert group.predecessors.end_transactions(0), "Kafka ends it in the end"
    assert group.predecessors.end_transactions(0)
    assert group.fenced == []


def test_what_will_pass_is_tried_again_and_a_refusal_is_not(group: Group) -> None:
    group.last = DEAD
    group.members.read.side_effect = KafkaRetry("look", "_TIMED_OUT", "")
    assert not group.predecessors.end_transactions(0)
    group.members.read.side_effect = lambda _s: {OWN}
    group.errors[DEAD] = KafkaException(KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED))
    assert group.predecessors.end_transactions(0)
    group.errors.clear()
    assert group.predecessors.end_transactions(0)
    assert group.fenced == []
