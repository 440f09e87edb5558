"""What the store gives back: one Struct for each measurement, with the names that the store has.

A row of an older version lacks what was added later: the field is then empty.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeVar

from msgspec import Struct, convert, structs
from msgspec.json import decode

from precache.contract.operation import FINAL_STATUSES, Status
from precache.contract.wanted import NextAction, WantedState

T = TypeVar("T", bound=Struct)

# Distinct lists of images: a handful an operation.
_LIST_MEMO_SIZE: Final = 4_096


class StoredOperation(Struct, frozen=True, kw_only=True):
    """A row of ``precache_operation``; its fields are those of :class:`precache.contract.operation.Operation`.

    ``time`` is in nanoseconds since the epoch: when the operation began. Lists may be cut, see :attr:`lists_cut`.
    """

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    time: int
    operation: str
    status: Status
    revision: int
    hosts_total: int
    hosts_done: int
    hosts_failed: int
    hosts_silent: int
    errors: int
    percent: float
    images: tuple[str, ...]
    failed_hosts: tuple[str, ...]
    silent_hosts: tuple[str, ...]
    started_at: str
    ended_at: str
    duration_s: float
    start_missing: bool
    end_missing: bool
    request_id: str
    project_id: str
    user_id: str
    global_request_id: str = ""
    conductor: str = ""

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL_STATUSES

    @property
    def lists_cut(self) -> bool:
        """Whether the store holds not all names of hosts: its lists have 64 KiB at most."""
        return len(self.failed_hosts) < self.hosts_failed or len(self.silent_hosts) < self.hosts_silent


class HostReport(Struct, frozen=True, kw_only=True, gc=False):
    """A row of ``precache_progress``, less the counts: one host's report in one operation. ``time``: nanoseconds."""

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    host: str
    time: int
    operation: str
    images_cached: tuple[str, ...]
    images_failed: tuple[str, ...]
    conductor: str = ""


class BridgeState(Struct, frozen=True, kw_only=True):
    """A row of ``precache_bridge``: the last heartbeat of a bridge for one of its clouds. ``time``: nanoseconds."""

    cloud: str
    instance: str
    time: int
    state: str
    version: str
    received: int
    forwarded: int
    deadlettered: int
    in_flight: int


class StoredBoot(Struct, frozen=True, kw_only=True):
    """A row of ``precache_boot``: an instance that was built from an image on a host, or failed to be.

    ``time`` is the end's, in nanoseconds; ``duration_s`` is from the instance's creation to it; ``result`` is
    ``active`` or ``error``.
    """

    cloud: str
    host: str
    image: str
    time: int
    instance: str
    duration_s: float
    result: str


class WantedImage(Struct, frozen=True, kw_only=True):
    """A row of ``precache_wanted``: how one declared image stands on one aggregate, since ``time`` (nanoseconds)."""

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    image: str
    time: int
    state: WantedState
    hosts_wanted: int
    hosts_resident: int
    hosts_expiring: int
    hosts_failed: int
    hosts_silent: int
    hosts_unsure: int
    hosts_missing: int
    next_action: NextAction
    next_at: str
    reason: str
    last_operation: str


def names_of(shape: type[Struct]) -> tuple[str, ...]:
    """Return the names of a record's values, as the store has them."""
    return shape.__struct_fields__


def maker(shape: type[T], columns: Sequence[str]) -> Callable[[Sequence[Any]], T]:
    """Return what makes a record of a row's values; a value that is ``None`` is empty.

    Args:
        shape: one of the records above.
        columns: the names of the values, in their order; those that the record does not have are passed over.
    """
    fields = [info for info in structs.fields(shape) if info.name in columns]
    takes = [(info.name, itemgetter(columns.index(info.name)), _CONVERTERS.get(info.type, _as_is)) for info in fields]

    def make(values: Sequence[Any]) -> T:
        return shape(**{name: to(take(values)) for name, take, to in takes})

    return make


def _as_is(value: Any) -> Any:
    return value


@lru_cache(maxsize=_LIST_MEMO_SIZE)
def _strings(text: str | None) -> tuple[str, ...]:
    return convert(decode(text), tuple[str, ...]) if text else ()


def _text(value: str | None) -> str:
    return value or ""


_CONVERTERS: Final[dict[Any, Callable[[Any], Any]]] = {
    tuple[str, ...]: _strings,
    bool: bool,
    # In JSON 100.0 and 100 are the same.
    float: float,
    str: _text,
}
