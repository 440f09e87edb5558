"""The three simulated clouds: what each host of each operation reports. Pure data."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

from precache.contract.identity import operation_id

UBUNTU: Final = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"
POSTGRES: Final = "8f1d2c5e-9a0b-4d3f-b6a7-0c1e2d3f4a5b"
NGINX: Final = "2f0a7c7e-51c5-4f0b-9f4e-3c6a0b1f7d18"
NGINX_NEXT: Final = "6b1f4a0d-7a63-4a0f-8a57-0e3f1d9c2b44"
# As each cloud's Glance names them.
IMAGES: Final = {"ubuntu-24.04": UBUNTU, "postgres-17": POSTGRES, "nginx-1.28": NGINX, "nginx-1.29": NGINX_NEXT}


@dataclass(frozen=True, slots=True)
class SimulatedAggregate:
    """A host aggregate, as Nova's notifications name it."""

    number: int
    uuid: str
    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimulatedReport:
    """What one host says of the images it was asked to cache."""

    host: str
    cached: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimulatedRequest:
    """One call of ``POST /os-aggregates/{id}/images``, and what comes of it.

    Attributes:
        cloud: the cloud's name.
        aggregate: whose hosts are asked.
        images: what they are asked to cache.
        reports: what each host says, in this order; a host of the aggregate that is not in it stays silent.
        request_id: the API call's id, the same in every notification of the operation.
        global_request_id: what the caller chose; ``""`` for none.
    """

    cloud: str
    aggregate: SimulatedAggregate
    images: tuple[str, ...]
    reports: tuple[SimulatedReport, ...]
    request_id: str = field(default_factory=lambda: f"req-{uuid4()}")
    global_request_id: str = ""

    @property
    def operation(self) -> str:
        """Return the operation's id."""
        return operation_id(self.cloud, self.aggregate.uuid, self.request_id)

    @property
    def silent_hosts(self) -> tuple[str, ...]:
        """Return the hosts that never answer."""
        answered = {report.host for report in self.reports}
        return tuple(host for host in self.aggregate.hosts if host not in answered)


def requests() -> list[SimulatedRequest]:
    """Return what the three clouds do, all at once: fresh request ids, everything else as always."""
    return [_paris(), _rome(), *_oslo()]


def aggregates() -> dict[str, list[SimulatedAggregate]]:
    """Return the aggregates of each cloud."""
    found: dict[str, list[SimulatedAggregate]] = {}
    for request in requests():
        known = found.setdefault(request.cloud, [])
        if request.aggregate not in known:
            known.append(request.aggregate)
    return found


def _hosts(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{number}" for number in range(1, count + 1))


def _all_cached(hosts: Sequence[str], images: tuple[str, ...]) -> tuple[SimulatedReport, ...]:
    return tuple(SimulatedReport(host, images, ()) for host in hosts)


def _paris() -> SimulatedRequest:
    """95 hosts, one image; eight hosts fail: the example of the feature's author."""
    hosts = _hosts("guaranine", 95)
    failing = {f"guaranine{number}" for number in range(2, 10)}
    reports = tuple(
        replace(report, cached=(), failed=report.cached) if report.host in failing else report
        for report in _all_cached(hosts, (UBUNTU,))
    )
    return SimulatedRequest(
        "paris",
        SimulatedAggregate(1, "ccf82bd4-a15e-43c5-83ad-b23970338139", "my-application", hosts),
        (UBUNTU,),
        reports,
    )


def _rome() -> SimulatedRequest:
    """24 hosts, two images; one host fails one of them, and one never answers."""
    hosts = _hosts("db", 24)
    reports = {report.host: report for report in _all_cached(hosts, (UBUNTU, POSTGRES))}
    del reports["db12"]
    reports["db3"] = SimulatedReport("db3", (UBUNTU,), (POSTGRES,))
    return SimulatedRequest(
        "rome",
        SimulatedAggregate(2, "cf6aa111-cade-4477-a185-a5c869bc3954", "db-tier", hosts),
        (UBUNTU, POSTGRES),
        tuple(reports.values()),
    )


def _oslo() -> list[SimulatedRequest]:
    """Two operations on one aggregate at once, an image each."""
    hosts = _hosts("web", 16)
    aggregate = SimulatedAggregate(3, "3d0b2a7e-6a5e-4a43-a1a0-0d6df4f6c0b5", "web-tier", hosts)
    return [
        SimulatedRequest("oslo", aggregate, (NGINX,), _all_cached(hosts, (NGINX,))),
        SimulatedRequest("oslo", aggregate, (NGINX_NEXT,), _all_cached(tuple(reversed(hosts)), (NGINX_NEXT,))),
    ]
