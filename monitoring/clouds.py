"""The dashboard of all clouds."""

from typing import Final

from monitoring.grafana import BAD, GOOD, WARN, Dashboard, Panel, Variable, flux

CLOUDS: Final = flux(
    """
    import "influxdata/influxdb/schema"
    schema.tagValues(bucket: v.defaultBucket, tag: "cloud", start: v.timeRangeStart)
    """
)
_OPERATIONS: Final = """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_operation" and r.cloud =~ /^${cloud:regex}$/)
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> group()"""
_OPEN: Final = 'r.status == "running" or r.status == "ending" or r.status == "stalled"'
_LAST_HEARTBEATS: Final = """
    from(bucket: v.defaultBucket)
        |> range(start: -7d)
        |> filter(fn: (r) => r._measurement == "precache_bridge" and r.cloud =~ /^${cloud:regex}$/)
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> group(columns: ["cloud", "instance"])
        |> sort(columns: ["_time"])
        |> tail(n: 1)
        |> group()
        |> map(fn: (r) => ({r with age_s: (uint(v: now()) - uint(v: r._time)) / uint(v: 1000000000)}))"""


def _number(title: str, query: str, description: str, bad: str) -> Panel:
    return Panel(
        title, "stat", "influxdb", {"": flux(query)}, description, width=6, height=4, steps={None: GOOD, 1: bad}
    )


_NOW: Final = (
    Panel(
        "Operations running",
        "stat",
        "influxdb",
        {"": flux(f'{_OPERATIONS}\n        |> filter(fn: (r) => {_OPEN})\n        |> count(column: "operation")')},
        "Operations without a final result that began in this range.",
        width=6,
        height=4,
    ),
    _number(
        "Failed hosts",
        f'{_OPERATIONS}\n        |> sum(column: "hosts_failed")',
        "Hosts with at least one failed image, of operations that began in this range.",
        BAD,
    ),
    _number(
        "Silent hosts",
        f'{_OPERATIONS}\n        |> sum(column: "hosts_silent")',
        "Hosts that never reported, of operations that began in this range.",
        WARN,
    ),
    _number(
        "Quiet bridges",
        f"{_LAST_HEARTBEATS}\n        |> filter(fn: (r) => r.age_s > uint(v: 150))"
        '\n        |> count(column: "version")',
        "Bridges without a heartbeat for 150 s. Heartbeats come once a minute.",
        BAD,
    ),
    Panel(
        "Open operations",
        "table",
        "influxdb",
        {
            "": flux(
                f"""
    import "join"
    open = {_OPERATIONS.lstrip()}
        |> filter(fn: (r) => {_OPEN})
        |> keep(columns: ["_time", "operation", "cloud", "aggregate_name", "status", "hosts_total"])
    reports = from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_progress" and r.cloud =~ /^${{cloud:regex}}$/)
        |> filter(fn: (r) => r._field == "operation" or r._field == "hosts_done" or r._field == "hosts_failed")
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> group(columns: ["operation"])
        |> sort(columns: ["hosts_done"])
        |> tail(n: 1)
        |> group()
        |> keep(columns: ["operation", "hosts_done", "hosts_failed"])
    join.left(
        left: open, right: reports, on: (l, r) => l.operation == r.operation,
        as: (l, r) => ({{
            began: l._time, cloud: l.cloud, aggregate: l.aggregate_name, status: l.status,
            hosts_done: r.hosts_done, hosts_total: l.hosts_total, hosts_failed: r.hosts_failed, operation: l.operation
        }})
    )
        |> sort(columns: ["began"])
                """
            )
        },
        "How far each operation is that has no final result.",
        width=24,
    ),
)
_ENDED: Final = (
    Panel(
        "Results",
        "table",
        "influxdb",
        {
            "": flux(
                f"""{_OPERATIONS}
        |> filter(fn: (r) => not ({_OPEN}))
        |> keep(columns: [
            "_time", "cloud", "aggregate_name", "status", "hosts_done", "hosts_total", "hosts_failed",
            "hosts_silent", "errors", "duration_s", "operation",
        ])
        |> sort(columns: ["_time"], desc: true)
        |> limit(n: 200)"""
            )
        },
        "The newest 200 operations that have a final result.",
        width=24,
        height=9,
    ),
    Panel(
        "Hosts that reported",
        "timeseries",
        "influxdb",
        {
            "": flux(
                """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_progress" and r._field == "hosts_done")
        |> filter(fn: (r) => r.cloud =~ /^${cloud:regex}$/)
        |> group(columns: ["cloud"])
        |> aggregateWindow(every: v.windowPeriod, fn: count)"""
            )
        },
        "Reports of hosts in each interval, by cloud.",
    ),
    Panel(
        "Failed images",
        "timeseries",
        "influxdb",
        {
            "": flux(
                """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_progress" and r._field == "images_failed_count")
        |> filter(fn: (r) => r.cloud =~ /^${cloud:regex}$/)
        |> group(columns: ["cloud"])
        |> aggregateWindow(every: v.windowPeriod, fn: sum)"""
            )
        },
        "Images that failed on a host, in each interval, by cloud.",
    ),
    Panel(
        "How long operations take",
        "timeseries",
        "influxdb",
        {
            "": flux(
                """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_operation" and r._field == "duration_s")
        |> filter(fn: (r) => r.cloud =~ /^${cloud:regex}$/)
        |> keep(columns: ["_time", "_value", "cloud", "aggregate_name"])
        |> group(columns: ["cloud", "aggregate_name"])"""
            )
        },
        "Each operation's time from start to end, by aggregate.",
        unit="s",
    ),
    Panel(
        "Time to boot",
        "timeseries",
        "influxdb",
        {
            "": flux(
                """
    from(bucket: v.defaultBucket)
        |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
        |> filter(fn: (r) => r._measurement == "precache_boot" and r._field == "duration_s")
        |> filter(fn: (r) => r.cloud =~ /^${cloud:regex}$/)
        |> group(columns: ["cloud"])
        |> aggregateWindow(every: v.windowPeriod, fn: median, createEmpty: false)"""
            )
        },
        "Median of all instances, by cloud, with `boots: true`. `precache boots` compares the image resident or not.",
        unit="s",
    ),
)
_STANDING: Final = (
    Panel(
        "Images that are kept",
        "table",
        "influxdb",
        {
            "": flux(
                """
    from(bucket: v.defaultBucket)
        |> range(start: -90d)
        |> filter(fn: (r) => r._measurement == "precache_wanted" and r.cloud =~ /^${cloud:regex}$/)
        |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
        |> group(columns: ["cloud", "aggregate_uuid", "image"])
        |> sort(columns: ["_time"])
        |> tail(n: 1)
        |> group()
        |> filter(fn: (r) => r.state != "removed")
        |> keep(columns: [
            "cloud", "aggregate_name", "image", "state", "hosts_wanted", "hosts_resident", "hosts_expiring",
            "hosts_failed", "hosts_missing", "next_action", "next_at", "reason",
        ])"""
            )
        },
        "What `precache keep` keeps resident, and how that stands.",
        width=24,
    ),
    Panel(
        "Bridges",
        "table",
        "influxdb",
        {
            "": flux(
                f"""{_LAST_HEARTBEATS}
        |> keep(columns: [
            "cloud", "instance", "state", "age_s", "version", "received", "forwarded", "deadlettered", "in_flight",
        ])
        |> sort(columns: ["age_s"], desc: true)"""
            )
        },
        "The last heartbeat of each bridge.",
        width=24,
    ),
)

DASHBOARD: Final = Dashboard(
    uid="precache-clouds",
    title="precache: all clouds",
    description="What runs, what failed, what is kept, and which bridges are quiet.",
    rows={"Now": _NOW, "Ended": _ENDED, "Standing": _STANDING},
    variables=(Variable("cloud", "Cloud", "influxdb", CLOUDS),),
)
