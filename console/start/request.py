"""One request to cache images, from the moment before it is made to the end of its operation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from console.cli.tasks import Task
from console.start import outcome
from console.start.clouds import ResolvedNames
from console.start.outcome import RequestState
from console.start.plan import PlannedRequest
from console.watch.board import Board
from console.watch.events import Event, Progressed
from console.watch.feeds.api import Record
from console.watch.follow import Follow, Want
from console.watch.loop import take
from precache.contract.identity import operation_id
from precache.contract.request_ids import new_global_request_id
from precache.openstack.api import OpenStackError

# Hosts in a row that failed before a token's end is suspected.
_SUSPECT_HOSTS: Final = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """How requests are followed.

    Attributes:
        timeout_s: give up after this time, in seconds; None for never.
        fail_on_stall: a stall ends it.
        wait: follow it to its end.
        retries: ask again so often where images failed or hosts gave no answer.
        backoff_s: how long to wait before that, in seconds.
        receives: notifications reach this process.
    """

    timeout_s: float | None = None
    fail_on_stall: bool = False
    wait: bool = True
    retries: int = 0
    backoff_s: float = 60.0
    receives: bool = True


class StartRequest:
    """A request. Times are seconds on the monotonic clock.

    Args:
        found: the cloud, and its client.
        wish: what to ask for.
        who: names it among others; ``""`` when it is the only one.
        terms: how it is followed.

    Attributes:
        global_request_id: of the last attempt.
        request_id: Nova's; ``""`` until the response has it.
        error: what came instead of a 202.
        code: the exit code, once it has ended.
    """

    def __init__(self, found: ResolvedNames, wish: PlannedRequest, who: str, terms: Terms) -> None:
        self.wish = wish
        self.who = who
        self.terms = terms
        self.retries_left = terms.retries
        self.global_request_id = ""
        self.request_id = ""
        self.error: OpenStackError | None = None
        self.code: int | None = None
        self._found = found
        self._task: Task[str] | None = None
        self._answered_at: float | None = None
        self._ask_at: float | None = None
        self._follow = Follow(Want())
        self._failed: list[bool] = []

    def prepare(self, now: float) -> None:
        """Choose the id that Nova's notifications will carry, and follow it from here on."""
        self.global_request_id = new_global_request_id()
        self.request_id, self.error, self.code = "", None, None
        self._task, self._answered_at, self._ask_at = None, None, None
        self._failed = []
        want = Want(aggregate=self.wish.aggregate.uuid, global_request_id=self.global_request_id)
        deadline = None if self.terms.timeout_s is None else now + self.terms.timeout_s
        self._follow = Follow(want, deadline=deadline, fail_on_stall=self.terms.fail_on_stall)

    def ask(self) -> None:
        """Send the request; once for each :meth:`prepare`."""
        images = [image.id for image in self.wish.images]
        found, aggregate, gid = self._found, self.wish.aggregate, self.global_request_id

        def call() -> str:
            with found.lock:
                return found.cloud.cache_images(aggregate, images, gid)

        self._task = Task(call)

    @property
    def is_asked(self) -> bool:
        """Whether the request was sent, or is about to be."""
        return self._task is not None

    @property
    def is_answered(self) -> bool:
        """Whether the response came, or was given up."""
        return self._answered_at is not None

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.who or f"{self._found.place.label} {self.wish.aggregate.name}"

    @property
    def operation(self) -> str:
        """The id of its operation; ``""`` until response or START have it."""
        if self._follow.begun is not None:
            return self._follow.begun.operation
        if not self.request_id or not self.wish.cloud:
            return ""
        return operation_id(self.wish.cloud, self.wish.aggregate.uuid, self.request_id)

    @property
    def began(self) -> bool:
        """Whether a notification of it came."""
        return self._follow.begun is not None

    @property
    def resume_id(self) -> str:
        """What follows it by: the operation's id as Nova's notifications have it, else the global request id."""
        return self._follow.begun.operation if self._follow.begun is not None else self.global_request_id

    def take(self, record: Record, now: float) -> list[Event]:
        """Take a record of Kafka, or of the cloud's RabbitMQ."""
        return self._noted(take(self._follow, record, now))

    def answer(self, now: float) -> bool:
        """Take the response, if it came; return whether it is new."""
        if self._task is None or not self._task.is_over or self.is_answered:
            return False
        self._answered_at = now
        try:
            self.request_id = self._task.result()
        except OpenStackError as error:
            self.error = error
        return True

    def advance(self, now: float, received_since: float) -> list[Event]:
        """Do what is due, and see whether it has ended.

        Args:
            now: the time.
            received_since: since when notifications could be received without a break.
        """
        if self.code is not None:
            return []
        events = self._noted(self._follow.advance(now))
        standing = self._standing(received_since)
        self.code = outcome.exit_code(standing, now)
        return events

    def due_at(self, received_since: float) -> float | None:
        """Return when :meth:`advance` next has something to do; None for never."""
        if self.code is not None:
            return self._ask_at
        times = [self._follow.due_at(), outcome.due_at(self._standing(received_since))]
        return min((at for at in times if at is not None), default=None)

    def retry_at(self, at: float) -> None:
        """Have it asked again at a time."""
        self.retries_left -= 1
        self._ask_at = at

    def is_due(self, now: float) -> bool:
        """Whether it is to be asked again now."""
        return self._ask_at is not None and now >= self._ask_at

    @property
    def is_running(self) -> bool:
        """Whether its last attempt is not over."""
        return self.code is None

    @property
    def is_open(self) -> bool:
        """Whether something is to come of it."""
        return self.code is None or self._ask_at is not None

    @property
    def token_may_have_expired(self) -> bool:
        """Whether all hosts failed from some host on, and none before: hosts download with the caller's token."""
        return has_expired(self._failed)

    def behind(self, board: Board) -> list[str]:
        """Return which operations it may be waiting for: those that run on its cloud, while no host of it reported."""
        begun = self._follow.begun
        if begun is None or self._failed:
            return []
        others = board.running(begun.cloud)
        return [each.operation.aggregate_name for each in others if each.operation.operation != begun.operation]

    def _standing(self, received_since: float) -> RequestState:
        return RequestState(
            answered_at=self._answered_at,
            error=self.error,
            began=self.began,
            ended=self._follow.exit_code,
            received_since=received_since,
            wait=self.terms.wait,
            receives=self.terms.receives,
        )

    def _noted(self, events: list[Event]) -> list[Event]:
        self._failed += [event.progress.images_failed_count > 0 for event in events if isinstance(event, Progressed)]
        return events


def has_expired(failed: Sequence[bool]) -> bool:
    """Return whether reports look as they do when the caller's token expired on the way.

    Args:
        failed: for each host in the order of the reports, whether an image failed there.
    """
    if True not in failed:
        return False
    first = failed.index(True)
    return first > 0 and len(failed) - first >= _SUSPECT_HOSTS and all(failed[first:])
