"""The dashboard of one operation."""

from typing import Final

from monitoring.clouds import CLOUDS
from monitoring.grafana import BAD, GOOD, WARN, Dashboard, Panel, Variable, flux

_CHOICE: Final = flux(
    """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_operation" and r._field == "operation")
        |> filter(fn: (r) => r.cloud == "${cloud}")
        |> group()
        |> sort(columns: ["_time"], desc: true)
        |> limit(n: 500)
        |> keep(columns: ["_value"])
    """
)
_OPERATION: Final = """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_operation" and r.cloud == "${cloud}")
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => r.operation == "${operation}")
        |> group()"""
_REPORTS: Final = """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_progress" and r.cloud == "${cloud}")
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => r.operation == "${operation}")
        |> group()"""
_LAST_REPORT: Final = f"""{_REPORTS}
        |> sort(columns: ["hosts_done"])
        |> tail(n: 1)"""


def _figure(title: str, query: str, description: str, *, unit: str = "short", bad: str | None = None) -> Panel:
    steps: dict[float | None, str] = {None: "text"} if bad is None else {None: GOOD, 1: bad}
    shown = {"": flux(query)}
    return Panel(title, "stat", "influxdb", shown, description, width=4, height=4, unit=unit, steps=steps)


def _of(source: str, column: str) -> str:
    return f'{source}\n        |> keep(columns: ["{column}"])'


_FIGURES: Final = (
    _figure("Status", _of(_OPERATION, "status"), "`completed` and `completed_with_errors` and `abandoned` are final."),
    _figure("Hosts that reported", _of(_LAST_REPORT, "hosts_done"), "With or without failures."),
    _figure("Hosts in all", _of(_OPERATION, "hosts_total"), "Hosts of the aggregate when Nova began."),
    _figure("Failed hosts", _of(_LAST_REPORT, "hosts_failed"), "With at least one failed image.", bad=BAD),
    _figure(
        "Silent hosts", _of(_OPERATION, "hosts_silent"), "That never reported; 0 until the result is final.", bad=WARN
    ),
    _figure("Duration", _of(_OPERATION, "duration_s"), "From start to end; while open, to the last event.", unit="s"),
)
_COURSE: Final = (
    Panel(
        "Hosts over time",
        "timeseries",
        "influxdb",
        {
            "": flux(
                f"""{_REPORTS}
        |> keep(columns: ["_time", "hosts_done", "hosts_failed"])
        |> sort(columns: ["_time"])"""
            )
        },
        "Hosts that reported, and those of them that failed.",
    ),
    Panel(
        "Rate",
        "timeseries",
        "influxdb",
        {
            "": flux(
                f"""{_REPORTS}
        |> sort(columns: ["_time"])
        |> aggregateWindow(every: 1m, fn: count, column: "hosts_done")
        |> rename(columns: {{hosts_done: "hosts a minute"}})"""
            )
        },
        "Hosts that reported in each minute.",
    ),
)
_DETAIL: Final = (
    Panel(
        "Hosts that failed",
        "table",
        "influxdb",
        {
            "": flux(
                f"""{_REPORTS}
        |> filter(fn: (r) => r.images_failed_count > 0)
        |> keep(columns: ["_time", "host", "images_failed", "images_cached"])
        |> sort(columns: ["_time"])"""
            )
        },
        "Nova does not say why: look at nova-compute's log on the host.",
    ),
    Panel(
        "Images",
        "table",
        "influxdb",
        {
            "": flux(
                """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_image" and r.cloud == "${cloud}")
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> filter(fn: (r) => r.operation == "${operation}")
        |> group()
        |> keep(columns: ["image", "hosts_cached", "hosts_failed"])"""
            )
        },
        "Of an operation with a final result.",
    ),
    Panel(
        "All about it",
        "table",
        "influxdb",
        {"": flux(f'{_OPERATION}\n        |> drop(columns: ["_start", "_stop", "_measurement"])')},
        "The operation's row in the store.",
        width=24,
        height=4,
    ),
)

DASHBOARD: Final = Dashboard(
    uid="precache-operation",
    title="precache: one operation",
    description="How far one operation is, or how it went.",
    rows={"Result": _FIGURES, "Course": _COURSE, "Detail": _DETAIL},
    variables=(
        Variable("cloud", "Cloud", "influxdb", CLOUDS, has_all=False),
        Variable("operation", "Operation", "influxdb", _CHOICE, has_all=False),
    ),
    span="now-7d",
)
