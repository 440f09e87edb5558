"""What can happen while an operation is watched."""

from dataclasses import dataclass

from precache.contract.operation import Operation
from precache.contract.progress import Progress


@dataclass(frozen=True, slots=True)
class Started:
    """The operation to follow is chosen; the record is the first that was seen of it."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Twin:
    """Another operation has the same global request id: it was asked for twice. It is not followed."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Progressed:
    """One more host reported. The first report names the operation's images; START does not."""

    progress: Progress
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Stalled:
    """Nothing came for longer than it should; it may still go on."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Resumed:
    """A stalled operation goes on."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Finished:
    """The operation has ended, or stalled where that ends the watch."""

    operation: Operation
    exit_code: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The time was up: nothing began, or the operation is still running."""

    operation: Operation | None
    hosts_done: int
    exit_code: int


Event = Started | Twin | Progressed | Stalled | Resumed | Finished | TimedOut
