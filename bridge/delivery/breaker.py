"""Stops a cloud when too many of its messages can't be read. Pure.

An error in the decoder would make a dead letter of every message, and acknowledge it. So the breaker counts how many
of the last messages were unreadable. Past a limit the queue is closed, and its messages stay there. After a pause it
is opened for one message at a time. An unreadable one becomes a dead letter, and the next pause begins; readable ones
close the breaker. A stop costs a message one delivery, however long it lasts, and real garbage passes in the end.

Messages that nobody wants are not counted: on a busy queue they would outnumber the few that matter.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Literal

from bridge.decode import reasons

State = Literal["closed", "open", "probing"]


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When to stop.

    Attributes:
        share: of the window; stop when more than that is unreadable. 1 never stops.
        window: how many of the last messages count.
        minimum: how many messages have to be known before anything is decided.
        pause_s: how long to wait before one message is tried.
    """

    share: float = 0.8
    window: int = 100
    minimum: int = 20
    pause_s: float = 60.0


DEFAULT: Final = BreakerLimits()


class Breaker:
    """The breaker of one cloud.

    Args:
        cloud: the cloud's name, for the text.
        limits: when to stop.

    Attributes:
        why: what is wrong and what to do; ``""`` while the breaker is closed.
    """

    def __init__(self, cloud: str, limits: BreakerLimits) -> None:
        self._cloud = cloud
        self._limits = limits
        self.why = ""
        self._state: State = "closed"
        self._due_s = 0.0  # when the pause has ended, or a probe without an unreadable message has lasted long enough
        self._seen = 0
        self._unreadable: deque[tuple[int, str]] = deque()  # of the window: the message's number, and the reason

    @property
    def is_open(self) -> bool:
        """Whether nothing may be taken from the queue."""
        return self._state == "open"

    def opening(self, now_s: float) -> bool:
        """Note that the queue is opened; return whether one message is to be taken at a time."""
        if self._is_probing:
            self._forget(now_s)
        return self._is_probing

    @property
    def _is_probing(self) -> bool:
        return self._state == "probing"

    def readable(self, count: int) -> None:
        """Note messages that could be read."""
        self._seen += count

    def unreadable(self, reason: str, now_s: float) -> bool:
        """Note a message that can't be read; return whether it has to stay in the queue, as all that follow it."""
        self._seen += 1
        self._unreadable.append((self._seen, reason))
        while self._unreadable[0][0] <= self._seen - self._limits.window:
            self._unreadable.popleft()
        counted = min(self._seen, self._limits.window)
        minimum = 1 if self._is_probing else self._limits.minimum
        if counted < minimum or len(self._unreadable) <= self._limits.share * counted:
            return False
        # The one message of a probe is taken: requeued again and again, a quorum queue would drop it in the end.
        stays = not self._is_probing
        self._open(counted, now_s)
        return stays

    def pause_left_s(self, now_s: float) -> float:
        """Return for how long the queue has to stay closed; once the pause has ended, a probe begins."""
        if self.is_open and now_s >= self._due_s:
            self._state = "probing"
        return self._due_s - now_s if self.is_open else 0.0

    def recovers(self, now_s: float) -> bool:
        """Close the breaker if a probe read enough, or found nothing for the length of a pause; return whether so."""
        if not self._is_probing or (self._seen < self._limits.minimum and now_s < self._due_s):
            return False
        self._state, self.why = "closed", ""
        return True

    def _open(self, counted: int, now_s: float) -> None:
        if self._state == "closed":
            self.why = self._words(counted)
        self._state = "open"
        self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        self._due_s = now_s + self._limits.pause_s
        self._seen = 0
        self._unreadable.clear()

    def _words(self, counted: int) -> str:
        counts = Counter(reason for _, reason in self._unreadable)
        summary = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
        ours = (
            " internal-error is an error of this program: report the traceback in its log, install a version that fixes"
            " it, then run `precache deadletters replay --reason internal-error`."
        )
        return (
            f"stopped: {len(self._unreadable)} of the last {counted} messages can't be read ({summary})."
            f" The messages stay in the queue; one is tried every {self._limits.pause_s:g} s."
            f" See `precache deadletters list --cloud {self._cloud}`.{ours if counts[reasons.INTERNAL] else ''}"
            " Garbage: find its sender, or let all of it become dead letters by `breaker: {share: 1}` in this cloud's"
            " block, and a restart."
        )
