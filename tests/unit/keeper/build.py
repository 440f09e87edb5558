"""What the tests of the keeper's core are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from keeper.core.declaration import CloudRules, Declaration, ImageChoice
from keeper.core.observed import (
    CloudView,
    ObservedAggregate,
    ObservedHost,
    ObservedHostImage,
    ObservedImage,
    ObservedOperation,
)
from keeper.core.plan import Plan, plan_cloud
from precache.contract.wanted import Wanted

HOUR = 3_600.0
NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
UBUNTU = ObservedImage("u-1", "ubuntu", "active", "2026-01-01", {"os_distro": "ubuntu"})
DECLARED = Declaration("paris", "app", (ImageChoice("ubuntu"),))


def view(hosts: Sequence[ObservedHost | str] = ("h1", "h2"), **changes: Any) -> CloudView:
    """Return a cloud with one aggregate and one image, whose bridge is heard."""
    known = [ObservedHost(host) if isinstance(host, str) else host for host in hosts]
    plain = CloudView([ObservedAggregate(1, "uuid-app", "app", known)], [UBUNTU], heartbeat_s=NOW - 30)
    return replace(plain, **changes)


def cached(*hosts: str, touched_s: float = NOW - HOUR) -> dict[tuple[str, str], Mapping[str, ObservedHostImage]]:
    """Return the residency of the image on hosts that reported it cached."""
    return {("uuid-app", "u-1"): {host: ObservedHostImage("cached", touched_s) for host in hosts}}


def operation(global_request_id: str = "other", **changes: Any) -> ObservedOperation:
    """Return an operation that runs, and has not reported."""
    return replace(
        ObservedOperation(
            "paris/uuid-app/req-1", "uuid-app", global_request_id, "running", (), 2, 0, NOW - 60, NOW - 60
        ),
        **changes,
    )


def plan(seen: CloudView, *records: Wanted, declared: Declaration = DECLARED, now_s: float = NOW, **rules: Any) -> Plan:
    """Return the plan of one cloud."""
    return plan_cloud([declared], CloudRules(**rules), seen, {each.key: each for each in records}, now_s)


def only(made: Plan) -> Wanted:
    """Return the record of the only target."""
    assert len(made.statuses) == 1
    return made.statuses[0].record
