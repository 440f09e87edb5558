"""How long a host took in former operations: the time left, before this operation has a rate of its own."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from console.cli.tasks import Task
from precache.runtime.bounded import NotReturnedError, call_within

if TYPE_CHECKING:
    from precache.query.records import StoredOperation

# A store that does not answer is in nobody's way.
_READ_S: Final = 10.0
_FORMER: Final = 20


class History:
    """Asks the store of the operator's file, once for each operation, in a thread of its own.

    Args:
        path: the file that `--config` names; None for those in the usual places. Without a store, nothing is known.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._tasks: dict[str, Task[float | None]] = {}

    def host_s(self, key: str, cloud: str, aggregate: str, images: Sequence[str] = ()) -> float | None:
        """Return the seconds that a host took; None when that is not known, or not known yet.

        Args:
            key: the operation or request: it is asked for once.
            cloud: the cloud's name; ``""``: any.
            aggregate: the aggregate's uuid.
            images: their ids; none: whatever was cached there.
        """
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = Task(lambda: seconds_a_host(self._former(cloud, aggregate, images), images))
        return task.result() if task.is_over else None

    def _former(self, cloud: str, aggregate: str, images: Sequence[str]) -> "list[StoredOperation]":
        from precache.config import ConfigError
        from precache.operator.search import NoFileError
        from precache.query.api import QueryError

        with suppress(ConfigError, NoFileError, QueryError, NotReturnedError, ModuleNotFoundError):
            return call_within(_READ_S, lambda: _read(self._path, cloud, aggregate, images))
        return []


def seconds_a_host(former: "Iterable[StoredOperation]", images: Sequence[str]) -> float | None:
    """Return the median of the seconds that a host took; None when no operation shows it. Pure.

    What was given up shows nothing, and neither does one with silent hosts: it waited for them until a time-out.

    Args:
        former: operations of one aggregate.
        images: an operation counts that was for all of these.
    """
    paces = [
        each.duration_s / each.hosts_done
        for each in former
        if each.is_final and each.status != "abandoned" and each.hosts_done and not each.hosts_silent
        if set(images) <= set(each.images)
    ]
    return median(paces) if paces else None


def _read(path: Path | None, cloud: str, aggregate: str, images: Sequence[str]) -> "list[StoredOperation]":
    from precache.operator.store import load_store_settings
    from precache.query.api import OperationFilter
    from precache.query.opening import open_reader

    reader = open_reader(load_store_settings(path).store)
    try:
        wanted = OperationFilter(cloud=cloud, aggregate=aggregate, image=images[0] if images else "", limit=_FORMER)
        return reader.operations(wanted)
    finally:
        reader.close()
