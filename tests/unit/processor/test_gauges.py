"""Lag is the broker's word, also before anything was fetched; and a Kafka that is gone is noticed by asking it."""

from typing import Any
from unittest.mock import create_autospec

from precache.kafka.errors import KafkaRetry
from precache.runtime.health import Health
from processor import metrics
from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.gauges import Gauges
from processor.group.assigned_partition import AssignedPartition
from processor.group.membership import Membership
from tests.support.events import Source


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def member(end: int, known: int) -> Any:
    membership = create_autospec(Membership, instance=True)
    membership.owned = {3}
    membership.end_offset.return_value = end
    membership.known_end_offset.return_value = known
    return membership


def assigned(number: int = 3, next_offset: int = 5) -> AssignedPartition:
    state, out = Partition(Timers()), Effects()
    event = Source().start(["a"])
    state.apply(1, 0, event.key, event.value, out)
    return AssignedPartition(number, state, next_offset, 4)


def lag(number: int = 3) -> Any:
    return {
        sample.labels["partition"]: sample.value for family in metrics.LAG.collect() for sample in family.samples
    }.get(str(number))


def test_lag_and_operations_are_reported_though_nothing_was_fetched_yet() -> None:
    partitions = [assigned()]
    Gauges(member(end=105, known=-1001), lambda: partitions, Health(), Clock()).update()
    assert lag() == 100
    assert metrics.OPEN.labels("running")._value.get() == 1
    assert metrics.OPEN.labels("stalled")._value.get() == 0


def test_lag_of_a_partition_that_went_is_not_reported_any_more() -> None:
    clock, partitions = Clock(), [assigned()]
    gauges = Gauges(member(end=6, known=9), lambda: partitions, Health(), clock)
    gauges.update()
    assert lag() == 4, "what a fetch told later is newer"
    partitions.clear()
    clock.now = 1.0
    gauges.update()
    assert lag() is None
    assert metrics.OPEN.labels("running")._value.get() == 0


def test_a_kafka_that_is_gone_makes_it_not_ready_until_it_answers() -> None:
    clock, health, partitions = Clock(), Health(), [assigned()]
    membership = member(end=5, known=5)
    gauges = Gauges(membership, lambda: partitions, health, clock)
    seen = []
    for second in range(16):
        clock.now = float(second)
        membership.end_offset.side_effect = KafkaRetry("ask", "_TIMED_OUT", "") if 3 <= second < 12 else None
        gauges.update()
        seen.append(health.ready())
    assert seen == [True] * 5 + [False] * 10 + [True]


def test_a_kafka_that_is_gone_is_noticed_while_partitions_are_rebuilt() -> None:
    health, membership = Health(), member(end=5, known=-1001)
    membership.end_offset.side_effect = KafkaRetry("ask", "_TIMED_OUT", "")
    Gauges(membership, list, health, Clock()).update()
    assert not health.ready()
    assert "Kafka does not answer" in str(health.report())
