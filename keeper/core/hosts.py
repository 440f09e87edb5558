"""How one image stands on each host of an aggregate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from keeper.core.declaration import Declaration
from keeper.core.observed import ObservedAggregate, ObservedHost, ObservedHostImage

HostState = Literal["resident", "expiring", "unsure", "failed", "silent", "missing"]


@dataclass(frozen=True, slots=True)
class HostStanding:
    """One image on one host; ``expires_s``: when Nova may purge it, ``None`` when it is not known to be there."""

    host: ObservedHost
    state: HostState
    expires_s: float | None

    @property
    def has_it(self) -> bool:
        """Whether the image is there, as far as can be known."""
        return self.state in {"resident", "expiring"}


def standings(
    aggregate: ObservedAggregate,
    reports: Mapping[str, ObservedHostImage],
    declaration: Declaration,
    purge_after_s: float,
    now_s: float,
) -> Sequence[HostStanding]:
    """Return how an image stands on each host of the aggregate."""
    return [
        _standing(host, reports.get(host.name), declaration.margin_s, purge_after_s, now_s) for host in aggregate.hosts
    ]


def _standing(
    host: ObservedHost, report: ObservedHostImage | None, margin_s: float, purge_after_s: float, now_s: float
) -> HostStanding:
    if report is None:
        return HostStanding(host, "missing", None)
    if report.result != "cached":
        return HostStanding(host, report.result, None)
    if report.touched_s is None:
        return HostStanding(host, "unsure", None)
    expires_s = report.touched_s + purge_after_s
    if now_s >= expires_s:
        return HostStanding(host, "unsure", expires_s)
    return HostStanding(host, "expiring" if now_s >= expires_s - margin_s else "resident", expires_s)
