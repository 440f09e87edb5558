"""Late events of final operations: gathered for a while, then one revision; a restart in between changes nothing."""

from itertools import pairwise

from processor.core.effects import Effects
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.group import commit_metadata as commits
from processor.group.assigned_partition import AssignedPartition
from tests.support.events import Event, Source

NOVA, OTHER = Source(), Source(request="req-2")
TIMERS = Timers(grace_period_ms=5_000, stall_after_ms=60_000, abandon_after_ms=300_000, allowed_lateness_ms=100_000)
HOSTS = [f"compute-{number:05}" for number in range(10_000)]
Log = list[tuple[int, Event]]


class Life:
    """A partition's process, its log, and what it has committed."""

    def __init__(self) -> None:
        self.partition, self.out = Partition(TIMERS), Effects()
        self.log: Log = []

    def feed(self, at: int, *events: Event) -> "Life":
        for event in events:
            self.partition.apply(at, len(self.log), event.key, event.value, self.out)
            self.log.append((at, event))
        return self

    def wait(self, until: int) -> "Life":
        self.partition.advance(until, self.out)
        return self

    def restart(self, *, of_earlier_version: bool = False) -> "Life":
        """End the process after its commit, and begin another one; an earlier version did not note what is owed."""
        text = commits.write(AssignedPartition(0, self.partition, len(self.log), 1).metadata(""))
        if of_earlier_version:
            text = text.partition(";revise=")[0]
        metadata = commits.read(text)
        assert metadata is not None
        self.partition = Partition(TIMERS, metadata.clock_ms, metadata.revise_at_ms)
        self.partition.restore(
            {one.record.operation: one.record for one in self.out.decisions}.values(), metadata.replay_from
        )
        for at, event in self.log[metadata.replay_from :]:
            assert self.partition.replay(at, event.key, event.value)
        self.partition.resume()
        return self

    def revisions(self) -> list[tuple[int, str, int, int]]:
        """When, of which request, number, hosts done."""
        return [
            (one.at_ms, one.record.request_id, one.record.revision, one.record.hosts_done)
            for one in self.out.decisions
            if one.record.revision > 1
        ]


def over(*sources: Source, hosts: list[str] | None = None) -> Life:
    life = Life()
    for source in sources:
        life.feed(0, source.start(hosts or HOSTS[:4]), source.end(hosts or HOSTS[:4]))
    return life.wait(5_000)


def test_all_that_comes_within_two_seconds_of_the_first_is_one_revision() -> None:
    life = over(NOVA).feed(10_000, NOVA.report(HOSTS[0])).feed(11_999, NOVA.report(HOSTS[1]))
    assert life.revisions() == []
    life.feed(12_000, NOVA.report(HOSTS[2]))
    assert life.revisions() == [(12_000, "req-1", 2, 2)]
    life.wait(13_999)
    assert len(life.revisions()) == 1
    life.wait(14_000)
    assert life.revisions()[1:] == [(14_000, "req-1", 3, 3)]
    assert life.partition.due_at() == 105_000, "nothing is owed"


def test_ten_thousand_hosts_half_of_them_late() -> None:
    hosts, late = HOSTS[:5_000], HOSTS[5_000:]
    life = Life().feed(0, NOVA.start(HOSTS), *(NOVA.report(host) for host in hosts), NOVA.end(HOSTS)).wait(5_000)
    for number, host in enumerate(late):
        life.feed(10_000 + 2 * number, NOVA.report(host))
    life.wait(50_000)
    revisions = life.revisions()
    assert len(revisions) == 5, "10 s of late reports"
    assert all(sooner[0] + TIMERS.revise_after_ms <= later[0] for sooner, later in pairwise(revisions))
    assert revisions[-1][2:] == (6, 10_000)
    assert sum(len(one.value) for one in life.out.decisions) < 2_000_000


def test_a_restart_while_a_revision_is_owed_moves_neither_its_time_nor_its_hosts() -> None:
    def told(restarts: int) -> list[tuple[int, str, int, int]]:
        life = over(NOVA, OTHER).feed(10_000, NOVA.report(HOSTS[0])).wait(11_000)
        for _ in range(restarts):
            life.restart()
        life.feed(11_500, OTHER.report(HOSTS[0]), NOVA.report(HOSTS[1]))
        for _ in range(restarts):
            life.restart()
        return life.wait(20_000).revisions()

    assert told(0) == [(12_000, "req-1", 2, 2), (12_000, "req-2", 2, 1)], "a partition has one timer for them"
    assert told(1) == told(2) == told(0)


def test_a_revision_that_is_owed_keeps_its_events_needed_and_is_not_dropped_by_closing() -> None:
    life = over(NOVA).feed(104_000, NOVA.report(HOSTS[0]))
    assert life.partition.replay_from(3) == 0
    life.restart().wait(200_000)
    assert life.revisions() == [(105_000, "req-1", 2, 1)]
    assert list(life.partition.operations()) == []


def test_a_restart_of_an_earlier_version_that_left_a_revision_owed() -> None:
    life = over(NOVA).feed(10_000, NOVA.report(HOSTS[0]))
    life.restart(of_earlier_version=True)
    assert life.partition.due_at() == 12_000
    assert life.wait(12_000).revisions() == [(12_000, "req-1", 2, 1)]


def test_what_reopens_an_operation_takes_what_was_owed_with_it() -> None:
    life = Life().feed(0, NOVA.report("a", total=1)).wait(10_000).feed(10_000, NOVA.end(None))
    life.feed(10_500, NOVA.start(["a", "b"])).wait(60_000)
    statuses = [(one.record.status, one.record.revision) for one in life.out.decisions]
    assert statuses[:2] == [("running", 0), ("completed", 1)]
    assert statuses[2:] == [("completed_with_errors", 2)], "END is known: the record is revised, once"
    life = Life().feed(0, NOVA.report("a", total=1)).wait(10_000)
    life.feed(10_000, NOVA.report("b", total=1)).feed(10_500, NOVA.start(["a", "b", "c"])).restart().wait(20_000)
    statuses = [(one.record.status, one.record.revision) for one in life.out.decisions]
    assert statuses[2:] == [("running", 1)]


def test_a_late_event_writes_no_row_until_it_is_revised() -> None:
    life = over(NOVA)
    life.out = Effects()
    life.feed(10_000, NOVA.report(HOSTS[0]))
    assert (len(life.out.points), dict(life.out.changed)) == (1, {})
    life.wait(12_000)
    assert len(life.out.changed) == 1
