"""Records as the store gives them, for the pages' tests."""

from typing import Any

from precache.contract.operation import Status
from precache.contract.times import NS_PER_S, rfc3339_us
from precache.query.records import BridgeState, HostReport, StoredOperation

NOW = 1_800_000_000 * NS_PER_S
UUID = "ccf82bd4-a15e-43c5-83ad-b23970338139"


def operation(ago_s: float, status: Status = "completed", *, number: int = 1, **changes: Any) -> StoredOperation:
    """Return an operation of four hosts that began so many seconds ago, and took ten."""
    time = NOW - int(ago_s * NS_PER_S)
    cloud = changes.get("cloud", "paris")
    is_final = status in {"completed", "completed_with_errors", "abandoned"}
    values: dict[str, Any] = {
        "cloud": cloud,
        "aggregate_uuid": UUID,
        "aggregate_name": "my-application",
        "time": time,
        "operation": f"{cloud}/{UUID}/req-{number}",
        "status": status,
        "revision": int(is_final),
        "hosts_total": 4,
        "hosts_done": 4 if is_final else 2,
        "hosts_failed": 0,
        "hosts_silent": 0,
        "errors": 0,
        "percent": 100.0 if is_final else 50.0,
        "images": ("image-1",),
        "failed_hosts": (),
        "silent_hosts": (),
        "started_at": rfc3339_us(time),
        "ended_at": rfc3339_us(time + 10 * NS_PER_S) if is_final else "",
        "duration_s": 10.0,
        "start_missing": False,
        "end_missing": False,
        "request_id": f"req-{number}",
        "project_id": "admin",
        "user_id": "admin",
    }
    return StoredOperation(**(values | changes))


def report(host: str, after_s: float, of: StoredOperation, *, failed: bool = False) -> HostReport:
    """Return a host's report."""
    images = of.images
    return HostReport(
        cloud=of.cloud,
        aggregate_uuid=of.aggregate_uuid,
        aggregate_name=of.aggregate_name,
        host=host,
        time=of.time + int(after_s * NS_PER_S),
        operation=of.operation,
        images_cached=() if failed else images,
        images_failed=images if failed else (),
    )


def bridge(cloud: str, ago_s: float) -> BridgeState:
    """Return a bridge whose last heartbeat is that old."""
    return BridgeState(
        cloud=cloud,
        instance=f"{cloud}-1",
        time=NOW - int(ago_s * NS_PER_S),
        state="running",
        version="0.10.0",
        received=10,
        forwarded=10,
        deadlettered=0,
        in_flight=0,
    )
