"""How one target stands: its hosts, the keeper's last request for it, what is due, and what is in its way."""

from collections.abc import Sequence
from dataclasses import dataclass

from keeper.core.declaration import CloudRules
from keeper.core.hosts import HostStanding, standings
from keeper.core.moments.due import Due, next_due
from keeper.core.observed import CloudView, ObservedOperation
from keeper.core.requests import HEARTBEAT_FRESH_S, KeeperRequest, is_open
from keeper.core.targets import WantedTarget


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target, now.

    Attributes:
        target: which image, on which aggregate.
        hosts: how the image stands on each.
        last: the keeper's last request for it; ``None``: it never made one.
        due: the next request; ``None``: nothing is to be asked, or a request is open.
        other: an operation of somebody else that is for this image, or may be.
    """

    target: WantedTarget
    hosts: Sequence[HostStanding]
    last: KeeperRequest | None
    due: Due | None
    other: ObservedOperation | None

    @property
    def working(self) -> bool:
        """Whether the keeper's own request is open."""
        return self.last is not None and self.last.phase == "open"

    @property
    def absent(self) -> Sequence[HostStanding]:
        """The hosts that do not have the image, as far as can be known."""
        return [each for each in self.hosts if not each.has_it]

    @property
    def operation(self) -> str:
        """The id of the last request's operation, else of another one's that runs; ``""``: none is known."""
        if self.last is not None and self.last.operation is not None:
            return self.last.operation.id
        return "" if self.other is None else self.other.id

    def is_due(self, now_s: float) -> bool:
        """Return whether a request is due."""
        return self.due is not None and self.due.at_s <= now_s and not self.target.declaration.paused


def stand(
    target: WantedTarget, last: KeeperRequest | None, view: CloudView, rules: CloudRules, now_s: float
) -> TargetState:
    """Return how a target stands."""
    aggregate, image, declaration = target.aggregate, target.image, target.declaration
    purge_after_s = rules.purge_after(aggregate.name, aggregate.uuid)
    reports = view.residency.get((aggregate.uuid, image.id), {})
    hosts = standings(aggregate, reports, declaration, purge_after_s, now_s)
    due = None
    if last is None or last.phase != "open":
        due = next_due(hosts, last, declaration, purge_after_s, now_s)
    return TargetState(target, hosts, last, due, _other(target, view))


def _other(target: WantedTarget, view: CloudView) -> ObservedOperation | None:
    """Return an open operation that may ask for the same: START names no images, the first report does."""
    for operation in view.operations:
        here = operation.aggregate_uuid == target.aggregate.uuid
        if here and (target.image.id in operation.images or not operation.images) and is_open(operation, view):
            return operation
    return None


def is_blind(view: CloudView, now_s: float) -> bool:
    """Return whether no heartbeat of the cloud's bridge came lately: what becomes of a request would not be seen."""
    return view.heartbeat_s is None or now_s - view.heartbeat_s > HEARTBEAT_FRESH_S
