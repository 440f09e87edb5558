"""A model of one cloud's Nova and Glance: what they do, whatever anybody knows of it.

Source: Nova's conductor, compute manager and libvirt image cache. A request is one operation. Its hosts are asked one
after another, and all operations share one pool in the conductor (Nova 33; ``precache_concurrency`` is 1). A host that
is down fails at once; one that hangs is given up after ``long_rpc_timeout``, and nothing is reported of it. An image
that was not used for longer than ``purge_after`` is removed in the next pass of the host's cache manager. An image that
is there already is touched, and counts as cached.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from keeper.simulator.timeline import Timeline

if TYPE_CHECKING:
    from keeper.core.observed import ObservedImage

LONG_RPC_TIMEOUT_S: Final = 1_800.0
PURGE_EVERY_S: Final = 2_400.0
_AT_ONCE_S: Final = 0.1


@dataclass(slots=True)
class HostModel:
    """A compute host: the images on it with the time of their last touch, and what is scripted to go wrong."""

    name: str
    up: bool = True
    images: dict[str, float] = field(default_factory=dict)
    # How many of the next requests fail, and how many hang.
    failures: int = 0
    hangs: int = 0


@dataclass(slots=True)
class AggregateModel:
    """A host aggregate."""

    id: int
    uuid: str
    name: str
    hosts: list[str]


@dataclass(slots=True)
class OperationModel:
    """What Nova makes of one request; ``open`` while its conductor has it."""

    request_id: str
    global_request_id: str
    aggregate: str
    image: str
    hosts: list[str]
    started_s: float
    ended_s: float | None = None
    open: bool = True
    absent: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class SentNotification:
    """What Nova sends; ``host`` and ``cached`` with a progress."""

    kind: Literal["start", "progress", "end"]
    at_s: float
    operation: OperationModel
    host: str = ""
    cached: bool = False


class NovaModel:
    """Nova, with Glance.

    Args:
        time: virtual time.
        purge_after_s: ``remove_unused_original_minimum_age_seconds``.
        send: takes Nova's notifications.
        on_purge: takes a host, an image, and when that was touched last, as it is purged.
        first_s, again_s: how long a host takes for an image that it lacks, and for one that it has.
    """

    def __init__(
        self,
        time: Timeline,
        purge_after_s: float,
        send: Callable[[SentNotification], None],
        on_purge: Callable[[str, str, float], None],
        *,
        first_s: float = 60.0,
        again_s: float = 2.0,
    ) -> None:
        self.available = True
        self.hosts: dict[str, HostModel] = {}
        self.aggregates: dict[str, AggregateModel] = {}
        self.images: dict[str, ObservedImage] = {}
        self.operations: list[OperationModel] = []
        self._time = time
        self._purge_after_s = purge_after_s
        self._send = send
        self._on_purge = on_purge
        self._first_s, self._again_s = first_s, again_s
        self._queue: deque[tuple[OperationModel, str]] = deque()
        self._busy = False
        # Counts the conductor's lives: what an earlier one had begun is lost.
        self._life = 0

    def add_host(self, name: str, *, purge_offset_s: float) -> None:
        """Add a host, whose cache manager's first pass comes after ``purge_offset_s``."""
        self.hosts[name] = HostModel(name)
        self._time.every(PURGE_EVERY_S, lambda: self._purge(self.hosts[name]), first_s=purge_offset_s)

    def request(self, aggregate: str, images: Sequence[str], global_request_id: str) -> str:
        """Take a request; return why it is refused, else ``""``.

        Raises:
            LookupError: the API does not answer.
        """
        if not self.available:
            raise LookupError("Nova does not answer")
        if aggregate not in self.aggregates:
            return "404: the aggregate is gone"
        if any(image not in self.images for image in images):
            return "400: the image is not known"
        for image in images:
            self._begin(aggregate, image, global_request_id)
        return ""

    def kill_conductor(self) -> None:
        """Lose what the conductor had: its operations never end."""
        self._life += 1
        self._queue.clear()
        self._busy = False
        for operation in self.operations:
            operation.open = False

    def _begin(self, aggregate: str, image: str, global_request_id: str) -> None:
        hosts = list(self.aggregates[aggregate].hosts)
        number = len(self.operations) + 1
        operation = OperationModel(f"req-{number}", global_request_id, aggregate, image, hosts, self._time.now_s)
        operation.absent = set(hosts)
        self.operations.append(operation)
        self._send(SentNotification("start", self._time.now_s, operation))
        self._queue.extend((operation, host) for host in hosts)
        if not hosts:
            self._end(operation)
        self._next()

    def _next(self) -> None:
        if self._busy or not self._queue:
            return
        self._busy = True
        operation, name = self._queue.popleft()
        host = self.hosts[name]
        seconds, result = self._work(host, operation.image)
        life = self._life
        self._time.after(seconds, lambda: self._done(operation, host, result, life))

    def _work(self, host: HostModel, image: str) -> tuple[float, Literal["cached", "failed", "silent"]]:
        if not host.up:
            return _AT_ONCE_S, "failed"
        if host.hangs:
            host.hangs -= 1
            return LONG_RPC_TIMEOUT_S, "silent"
        seconds = self._again_s if image in host.images else self._first_s
        if host.failures:
            host.failures -= 1
            return seconds, "failed"
        known = self.images.get(image)
        if image not in host.images and (known is None or known.status != "active"):
            return _AT_ONCE_S, "failed"
        return seconds, "cached"

    def _done(self, operation: OperationModel, host: HostModel, result: str, life: int) -> None:
        if life != self._life:
            return
        if result == "cached":
            host.images[operation.image] = self._time.now_s
            operation.absent.discard(host.name)
        if result != "silent":
            cached = result == "cached"
            self._send(SentNotification("progress", self._time.now_s, operation, host.name, cached))
        self._busy = False
        if not any(waiting is operation for waiting, _ in self._queue):
            self._end(operation)
        self._next()

    def _end(self, operation: OperationModel) -> None:
        operation.open = False
        operation.ended_s = self._time.now_s
        self._send(SentNotification("end", self._time.now_s, operation))

    def _purge(self, host: HostModel) -> None:
        if not host.up:
            return
        for image, touched_s in list(host.images.items()):
            if self._time.now_s - touched_s > self._purge_after_s:
                del host.images[image]
                self._on_purge(host.name, image, touched_s)
