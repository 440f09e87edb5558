"""Three days of two clouds, as rows of a store: what the readers and residency are tested on.

Paris: hosts cn-1 to cn-4 in `web`, of which cn-4 joined on the last day; cn-1 is in `gpu`, too. Rome: a running one.
"""

from typing import Any, Final

from precache.contract.identity import operation_id
from precache.contract.tables.measurements import Row
from precache.contract.times import NS_PER_S, parse_ns, rfc3339_us
from tests.support.store_rows import bridge, image, operation, progress

HOUR: Final = 3_600 * NS_PER_S
DAY: Final = 24 * HOUR
NOW: Final = parse_ns("2026-11-25T12:00:00Z")

WEB: Final = {"cloud": "paris", "aggregate_uuid": "9d5a6d1f-3a8e-4b0e-8f5a-0f4f1c9e2a11", "aggregate_name": "web tier"}
GPU: Final = {"cloud": "paris", "aggregate_uuid": "1b0c7b0e-2222-4d0f-9a39-2d6d6f3b8f10", "aggregate_name": "gpu"}
DB: Final = {"cloud": "rome", "aggregate_uuid": "0c7c4a0e-6b7f-4d0f-9a39-2d6d6f3b8f10", "aggregate_name": "db"}
UBUNTU: Final = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"
DEBIAN: Final = "7f1f9a52-0c5b-4d3c-8f67-6d0a0a3c9b21"
ODD: Final = 'an "odd" / image (1.0)\\'


def identity(where: dict[str, str], name: str) -> str:
    return operation_id(where["cloud"], where["aggregate_uuid"], f"req-{name}")


def ran(
    where: dict[str, str],
    name: str,
    began: int,
    hosts: dict[str, tuple[list[str], list[str]]],
    silent: tuple[str, ...] = (),
    **values: Any,
) -> list[Row]:
    """Return the rows of one operation: its hosts with the images cached and failed, a minute apart."""
    images = sorted({each for both in hosts.values() for one in both for each in one})
    failed = [host for host, (_, bad) in hosts.items() if bad]
    row = operation(
        **where,
        time_ns=began,
        operation=identity(where, name),
        request_id=f"req-{name}",
        **{
            "global_request_id": f"req-global-{name}",
            "status": "completed_with_errors" if failed or silent else "completed",
            "hosts_total": len(hosts) + len(silent),
            "hosts_done": len(hosts),
            "hosts_failed": len(failed),
            "hosts_silent": len(silent),
            "errors": sum(len(bad) for _, bad in hosts.values()),
            "percent": 100.0 * len(hosts) / (len(hosts) + len(silent) or 1),
            "images": images,
            "failed_hosts": failed,
            "silent_hosts": silent,
            "started_at": rfc3339_us(began),
            "ended_at": rfc3339_us(began + HOUR),
            "duration_s": 3_600.0,
            "end_missing": False,
        }
        | values,
    )
    points = [
        progress(
            **where,
            time_ns=began + index * 60 * NS_PER_S,
            operation=identity(where, name),
            host=host,
            images_cached=cached,
            images_failed=bad,
        )
        for index, (host, (cached, bad)) in enumerate(hosts.items(), 1)
    ]
    counted = [
        image(**where, time_ns=began, operation=identity(where, name), image=each, hosts_cached=1, hosts_failed=0)
        for each in images
    ]
    return [row, *points, *counted]


def story() -> list[Row]:
    """Return all rows."""
    both = [UBUNTU, DEBIAN]
    running: dict[str, Any] = {"status": "running", "ended_at": "", "revision": 0, "hosts_total": 4, "percent": 50.0}
    return [
        *ran(WEB, "old", NOW - 3 * DAY, {"cn-1": (both, []), "cn-2": (both, []), "cn-3": (both, [])}),
        # Expires in an hour on cn-1; failed on cn-2; cn-3 gave no answer.
        *ran(WEB, "first", NOW - 23 * HOUR, {"cn-1": (both, []), "cn-2": ([UBUNTU], [DEBIAN])}, silent=("cn-3",)),
        # Another aggregate touches one image of cn-1 later.
        *ran(GPU, "gpu", NOW - 5 * HOUR, {"cn-1": ([UBUNTU], [])}),
        # The last one of web is for one image, on the host that joined, and on cn-2.
        *ran(WEB, "last", NOW - 2 * HOUR, {"cn-4": ([UBUNTU], []), "cn-2": ([UBUNTU], [])}, ("cn-1", "cn-3")),
        *ran(GPU, "lost", NOW - 4 * HOUR, {"cn-1": ([ODD], [])}, start_missing=True),
        *ran(DB, "now", NOW - HOUR, {"db-10": ([UBUNTU], []), "db-9": ([], [UBUNTU])}, **running),
        bridge(cloud="paris", instance="paris-1", time_ns=NOW - 60 * NS_PER_S, received=5),
        bridge(cloud="paris", instance="paris-1", time_ns=NOW, state="stopping", received=7),
        bridge(cloud="rome", instance="rome-1", time_ns=NOW - DAY, version="0.9.0"),
    ]
