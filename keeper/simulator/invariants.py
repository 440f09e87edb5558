"""What must hold whatever happens: each by its name, checked against what Nova did, not what the keeper says of it."""

from dataclasses import dataclass, field
from typing import Final, Literal

from keeper.core.declaration import Declaration
from keeper.core.moments.timing import backoff_s
from keeper.core.moments.windows import is_open
from keeper.simulator.nova import NovaModel, OperationModel
from keeper.simulator.path import PathModel
from keeper.simulator.story import DAY_S, HOUR_S
from precache.contract.wanted import Wanted

Name = Literal[
    "resident_in_time",
    "never_two_open",
    "requests_at_once",
    "no_storm",
    "backoff_kept",
    "asked_once",
    "window_kept",
    "nothing_needless",
]
# The keeper is to blame for a purge if it could have asked that long before, within the margin.
_COULD_ASK_S: Final = HOUR_S
_STEP_S: Final = 300.0
# Of one image on one aggregate in 24 h: three renewals and their attempts, whatever went wrong.
_MOST_A_DAY: Final = 24


class BrokenInvariantError(AssertionError):
    """An invariant did not hold; ``name`` says which."""

    def __init__(self, name: Name, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


@dataclass(slots=True)
class Obstacles:
    """When something was in the keeper's way: intervals of seconds since the epoch, of all and of one target."""

    everywhere: list[tuple[float, float]] = field(default_factory=list)
    by_image: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def there(self, aggregate: str, image: str, moment_s: float) -> bool:
        """Return whether something was in the way at a moment."""
        spans = [*self.everywhere, *self.by_image.get((aggregate, image), ())]
        return any(begin_s <= moment_s <= end_s for begin_s, end_s in spans)


@dataclass(slots=True)
class Invariants:
    """Checks each request and each purge as it happens.

    Attributes:
        requests: those that the keeper made, with the moment and the operation that Nova made of it, if it did.
    """

    nova: NovaModel
    path: PathModel
    most_at_once: int
    obstacles: Obstacles = field(default_factory=Obstacles)
    requests: list[tuple[float, Wanted, OperationModel | None]] = field(default_factory=list)
    purges: int = 0

    def on_request(
        self, now_s: float, record: Wanted, aggregate: str, declaration: Declaration, took: OperationModel | None
    ) -> None:
        """Check a request; ``took``: what Nova made of it, which it may not have."""
        self._asked_once(record)
        self._window_kept(now_s, declaration)
        self._backoff_kept(now_s, record, declaration)
        self._no_storm(now_s, record)
        if took is not None:
            self._never_two_open(took)
            self._requests_at_once(took)
        self._nothing_needless(now_s, record, aggregate, declaration)
        self.requests.append((now_s, record, took))

    def on_purge(
        self, now_s: float, host: str, *, aggregate: str, image: str, touched_s: float, declaration: Declaration
    ) -> None:
        """Check a purge of what is wanted where the host is up."""
        self.purges += 1
        free_s, open_s, moment_s = 0.0, 0.0, now_s - _STEP_S
        # Back through the time in which a request was allowed: as much of it as the margin.
        while open_s < declaration.margin_s and moment_s > touched_s:
            if is_open(declaration.window, moment_s):
                open_s += _STEP_S
                free_s += 0.0 if self.obstacles.there(aggregate, image, moment_s) else _STEP_S
            moment_s -= _STEP_S
        if free_s > _COULD_ASK_S:
            raise BrokenInvariantError(
                "resident_in_time",
                f"{image} purged on {host} at {now_s:.0f}, touched {now_s - touched_s:.0f} s before; nothing was in "
                f"the way for {free_s:.0f} s of the margin",
            )

    def _asked_once(self, record: Wanted) -> None:
        for _, earlier, _ in self.requests:
            if earlier.global_request_id == record.global_request_id or (
                earlier.key == record.key and earlier.round >= record.round
            ):
                raise BrokenInvariantError("asked_once", f"{record.key}, round {record.round}, was asked before")

    def _window_kept(self, now_s: float, declaration: Declaration) -> None:
        if not is_open(declaration.window, now_s):
            raise BrokenInvariantError("window_kept", f"asked at {now_s:.0f}, outside the window")

    def _backoff_kept(self, now_s: float, record: Wanted, declaration: Declaration) -> None:
        earlier = [(at_s, took) for at_s, before, took in self.requests if before.key == record.key]
        if not earlier:
            return
        at_s, took = earlier[-1]
        first_s = declaration.retry.backoff_s
        since_s, wait_s = at_s, first_s
        if record.failures:
            wait_s = backoff_s(first_s, record.failures)
        elif record.attempt > 1:
            wait_s = backoff_s(first_s, record.attempt - 1)
            if took is not None and took.ended_s is not None and took.absent and self.path.knows(took):
                since_s = took.ended_s
        # Times are kept in milliseconds.
        if now_s - since_s < wait_s - 0.001:
            raise BrokenInvariantError(
                "backoff_kept", f"{record.key}, attempt {record.attempt}, came {now_s - since_s:.0f} s after the last"
            )

    def _no_storm(self, now_s: float, record: Wanted) -> None:
        lately = [at_s for at_s, before, _ in self.requests if before.key == record.key and now_s - at_s < DAY_S]
        if len(lately) >= _MOST_A_DAY:
            raise BrokenInvariantError("no_storm", f"{record.key} was asked {len(lately)} times in a day")

    def _never_two_open(self, took: OperationModel) -> None:
        for other in self.nova.operations:
            same = other.aggregate == took.aggregate and other.image == took.image
            own = other.global_request_id.startswith("req-")
            if other is not took and other.open and same and (own or self.path.knows(other)):
                raise BrokenInvariantError(
                    "never_two_open", f"{took.image} on {took.aggregate}: {other.request_id} was open"
                )

    def _requests_at_once(self, took: OperationModel) -> None:
        own = [each for each in self.nova.operations if each.open and each.global_request_id.startswith("req-")]
        if took.open and len(own) > self.most_at_once:
            raise BrokenInvariantError("requests_at_once", f"{len(own)} requests are open")

    def _nothing_needless(self, now_s: float, record: Wanted, aggregate: str, declaration: Declaration) -> None:
        """A request has a reason: a host lacks the image, as far as precache knows, or may lose it soon."""
        if declaration.window is not None:
            return
        reports = self.path.residency.get((record.aggregate_uuid, record.image), {})
        for name in self.nova.aggregates[aggregate].hosts:
            report = reports.get(name)
            if report is None or report.result != "cached" or report.touched_s is None:
                return
            if now_s >= report.touched_s + DAY_S - declaration.margin_s - 1.0:
                return
        raise BrokenInvariantError("nothing_needless", f"{record.key} was asked at {now_s:.0f} without a reason")
