"""What is known of an operation: the sum of its events, whatever their order and however often each came.

Counts are kept, never recomputed: an event costs the same with ten hosts and with ten thousand.
"""

from collections.abc import Iterator
from sys import intern
from typing import TYPE_CHECKING

from processor.core.decode import Boundary, Images, ProgressReport

if TYPE_CHECKING:
    from datetime import datetime


class Tally:
    """The hosts that reported one and the same pair of image lists.

    Attributes:
        cached, failed: distinct image names.
        errors: failed images; each host that reported this adds that many errors.
        hosts: how many hosts reported this.
    """

    __slots__ = ("cached", "errors", "failed", "hosts")

    def __init__(self, images: Images) -> None:
        cached, failed = images
        self.cached = frozenset(cached)
        self.failed = frozenset(failed)
        self.errors = len(self.failed)
        self.hosts = 0


class Facts:
    """What is known from the events of one operation.

    Attributes:
        hosts: every host that was named; its tally once it reported, ``None`` before.
        listed: START or END listed the hosts, so that they are all known.
        total: hosts of START and END and those that reported; without a list, Nova's own total if that is larger.
        done: hosts that reported; ``failed``: those with a failed image; ``errors``: failed (host, image) pairs.
        start_at, end_at: START's and END's time; ``None`` until they come.
        earliest, latest: the smallest and the largest of Nova's times.
        last_event_ms: the largest record timestamp of an event that brought something new.
        end_ms: record timestamp of END.
        whole_ms: record timestamp at which every host had reported; ``None`` while one is missing.
    """

    __slots__ = (
        "conductor",
        "done",
        "earliest",
        "end_at",
        "end_ms",
        "errors",
        "failed",
        "global_request_id",
        "hosts",
        "last_event_ms",
        "latest",
        "listed",
        "payload_total",
        "project_id",
        "start_at",
        "tallies",
        "total",
        "user_id",
        "whole_ms",
    )

    def __init__(self) -> None:
        self.hosts: dict[str, Tally | None] = {}
        self.tallies: dict[Images, Tally] = {}
        self.listed = False
        self.total = self.done = self.failed = self.errors = self.payload_total = 0
        self.start_at: datetime | None = None
        self.end_at: datetime | None = None
        self.earliest: datetime | None = None
        self.latest: datetime | None = None
        self.last_event_ms = 0
        self.end_ms: int | None = None
        self.whole_ms: int | None = None
        self.project_id = self.user_id = self.global_request_id = self.conductor = ""

    def report(self, ts_ms: int, event: ProgressReport) -> bool:
        """Take in one host's result; return whether it brought something new (a host's first report counts)."""
        host, images, total = event[2], event[3], event[5]
        hosts = self.hosts
        if hosts.get(host) is not None:
            return False
        tally = self.tallies.get(images)
        if tally is None:
            tally = self.tallies[images] = Tally(images)
        hosts[host] = tally
        tally.hosts += 1
        self.done += 1
        if tally.errors:
            self.failed += 1
            self.errors += tally.errors
        if total > self.payload_total:  # noqa: PLR1730 - a call of max() costs more than all of this line
            self.payload_total = total
        conductor = event.conductor
        # Usually one conductor, and always the same answer: of several, the smallest.
        if conductor != self.conductor and conductor:
            self.conductor = min(self.conductor or conductor, conductor)
        self._touch(ts_ms, event)
        return True

    def boundary(self, ts_ms: int, event: Boundary) -> bool:
        """Take in START or END; return whether it brought something new (the first of each counts)."""
        if (self.end_at if event.is_end else self.start_at) is not None:
            return False
        if event.is_end:
            self.end_at, self.end_ms = event.moment, ts_ms
        else:
            self.start_at = event.moment
        if event.hosts is not None:
            self.listed = True
            for host in event.hosts:
                # One host is in many operations: its name is kept once.
                self.hosts.setdefault(intern(host), None)
        self._touch(ts_ms, event)
        return True

    @property
    def event_count(self) -> int:
        """Return how many events brought something new; a record's counts say how many it has."""
        return self.done + (self.start_at is not None) + (self.end_at is not None)

    def silent_hosts(self) -> Iterator[str]:
        """Return the hosts that were named and did not report."""
        return (host for host, tally in self.hosts.items() if tally is None)

    def failed_hosts(self) -> Iterator[str]:
        """Return the hosts on which an image failed."""
        return (host for host, tally in self.hosts.items() if tally is not None and tally.errors)

    def _touch(self, ts_ms: int, event: ProgressReport | Boundary) -> None:
        moment, done = event.moment, self.done
        if self.listed:
            self.total = total = len(self.hosts)
            whole = done == total
        else:
            self.total = total = max(self.payload_total, done)
            whole = 0 < done == total
        if not whole:
            self.whole_ms = None
        elif self.whole_ms is None:
            self.whole_ms = ts_ms
        if ts_ms > self.last_event_ms:  # noqa: PLR1730 - as above
            self.last_event_ms = ts_ms
        if self.latest is None or moment > self.latest:
            self.latest = moment
        if self.earliest is None or moment < self.earliest:
            self.earliest = moment
        # One request, one user: should events disagree all the same, their order must not decide.
        if (
            event.user_id != self.user_id
            or event.project_id != self.project_id
            or event.global_request_id != self.global_request_id
        ):
            self.project_id = max(self.project_id, event.project_id)
            self.user_id = max(self.user_id, event.user_id)
            self.global_request_id = max(self.global_request_id, event.global_request_id)
