"""The dashboard of precache's own processes."""

from collections.abc import Mapping
from typing import Final

from monitoring.grafana import BAD, GOOD, WARN, Dashboard, Panel, Variable

_RANGE: Final = "$__rate_interval"


def _lines(title: str, queries: Mapping[str, str], description: str, *, unit: str = "short", width: int = 8) -> Panel:
    return Panel(title, "timeseries", "prometheus", queries, description, width=width, unit=unit)


def _number(title: str, query: str, description: str, steps: Mapping[float | None, str], unit: str = "short") -> Panel:
    return Panel(title, "stat", "prometheus", {"": query}, description, width=4, height=4, unit=unit, steps=steps)


def _p(share: float, name: str, by: str = "le") -> str:
    return f"histogram_quantile({share}, sum by ({by}) (rate({name}_bucket[{_RANGE}])))"


_CLOUD: Final = 'cloud=~"$cloud"'
_FIGURES: Final = (
    _number(
        "Bridges up", 'count(precache_build_info{part="bridge"})', "That Prometheus reaches.", {None: BAD, 1: GOOD}
    ),
    _number(
        "Clouds not consumed",
        f"count(max by (cloud) (precache_bridge_consuming{{{_CLOUD}}}) == 0) or vector(0)",
        "No bridge consumes the cloud's queue: RabbitMQ or Kafka is away, or the breaker is open.",
        {None: GOOD, 1: BAD},
    ),
    _number(
        "Processors up",
        'count(precache_build_info{part="processor"})',
        "That Prometheus reaches.",
        {None: BAD, 1: GOOD},
    ),
    _number(
        "Lag",
        "sum(max by (partition) (precache_processor_lag_records))",
        "Records that were not processed yet.",
        {None: GOOD, 1_000: WARN, 100_000: BAD},
    ),
    _number(
        "Store waits",
        "max(precache_processor_store_waiting)",
        "1 while the store takes nothing.",
        {None: GOOD, 1: BAD},
    ),
    _number(
        "Dead letters, 24 h",
        "sum(increase(precache_bridge_deadlettered_total[24h]) or vector(0))"
        " + sum(increase(precache_processor_deadletters_total[24h]) or vector(0))",
        "`precache deadletters list` shows them.",
        {None: GOOD, 1: WARN},
    ),
)
_BRIDGES: Final = (
    _lines(
        "Messages",
        {
            "{{cloud}} received": f"sum by (cloud) (rate(precache_bridge_received_total{{{_CLOUD}}}[{_RANGE}]))",
            "{{cloud}} forwarded": f"sum by (cloud) (rate(precache_bridge_forwarded_total{{{_CLOUD}}}[{_RANGE}]))",
        },
        "Taken from the queue, and confirmed by Kafka.",
        unit="cps",
    ),
    _lines(
        "In flight",
        {"{{cloud}}": f"sum by (cloud) (precache_bridge_in_flight{{{_CLOUD}}})"},
        "Messages received and not acknowledged.",
    ),
    _lines(
        "Delivery, p95",
        {"{{cloud}}": _p(0.95, "precache_bridge_delivery_seconds", "cloud, le")},
        "From receiving messages to Kafka's confirmation.",
        unit="s",
    ),
    _lines(
        "Since the last message",
        {"{{cloud}}": f"min by (cloud) (precache_bridge_last_event_age_seconds{{{_CLOUD}}})"},
        "A cloud where nobody caches images sends none.",
        unit="s",
    ),
    _lines(
        "Dead letters",
        {
            "{{cloud}} {{reason}}": "sum by (cloud, reason) "
            f"(increase(precache_bridge_deadlettered_total{{{_CLOUD}}}[{_RANGE}]))"
        },
        "Messages that could not be forwarded, by reason.",
    ),
    _lines(
        "Trouble",
        {
            "{{cloud}} source lost": "sum by (cloud) "
            f"(increase(precache_bridge_source_losses_total{{{_CLOUD}}}[{_RANGE}]))",
            "{{cloud}} requeued": f"sum by (cloud) (increase(precache_bridge_requeued_total{{{_CLOUD}}}[{_RANGE}]))",
            "{{cloud}} Kafka retries": "sum by (cloud) "
            f"(increase(precache_bridge_kafka_retries_total{{{_CLOUD}}}[{_RANGE}]))",
            "{{cloud}} breaker open": f"max by (cloud) (precache_bridge_breaker_open{{{_CLOUD}}})",
        },
        "Losses of RabbitMQ, messages requeued, records sent again, breakers that are open.",
    ),
)
_PROCESSORS: Final = (
    _lines(
        "Records",
        {"{{outcome}}": f"sum by (outcome) (rate(precache_processor_events_total[{_RANGE}]))"},
        "Read from nova.notifications, by what became of them.",
        unit="cps",
    ),
    _lines(
        "Lag by partition",
        {"{{partition}}": "max by (partition) (precache_processor_lag_records)"},
        "Records that were not processed yet.",
    ),
    _lines(
        "Notification to point",
        {
            "p50": _p(0.5, "precache_processor_point_delay_seconds"),
            "p99": _p(0.99, "precache_processor_point_delay_seconds"),
        },
        "From Nova's timestamp to the point in the store.",
        unit="s",
    ),
    _lines(
        "Open operations",
        {"{{status}}": "sum by (status) (precache_processor_open_operations)"},
        "In memory, by status. A stalled one had no report for 35 minutes.",
    ),
    _lines(
        "Rounds and writes, p95",
        {
            "round": _p(0.95, "precache_processor_round_seconds"),
            "store write": _p(0.95, "precache_processor_store_write_seconds"),
        },
        "A round of the loop that committed, and one write to the store.",
        unit="s",
    ),
    _lines(
        "Trouble of processors",
        {
            "rounds started over": f"sum(increase(precache_processor_started_over_total[{_RANGE}]))",
            "store retries": f"sum(increase(precache_processor_store_retries_total[{_RANGE}]))",
            "records ahead": f"sum(increase(precache_processor_records_ahead_total[{_RANGE}]))",
            "dead letters": f"sum(increase(precache_processor_deadletters_total[{_RANGE}]))",
        },
        "Rounds done again, failed writes, clocks that are ahead, dead letters.",
    ),
)
_KEEPERS: Final = (
    _lines(
        "Declared images by state",
        {
            "{{state}}": "sum by (state) "
            f"(max by (cloud, aggregate, image, declared, state) (precache_keeper_target_state{{{_CLOUD}}}))"
        },
        "Each image of keep.yaml on each aggregate.",
    ),
    _lines(
        "Requests",
        {"{{cloud}} {{answer}}": f"sum by (cloud, answer) (increase(precache_keeper_requests_total{{{_CLOUD}}}[1h]))"},
        "Made of Nova within an hour, by its answer.",
    ),
    _lines(
        "Since the last round",
        {"age": "time() - max(precache_keeper_last_round_timestamp_seconds)"},
        "A keeper goes round once a minute.",
        unit="s",
    ),
)
_PROCESSES: Final = (
    _lines(
        "CPU",
        {"{{job}} {{instance}}": f'rate(process_cpu_seconds_total{{job=~"precache.*"}}[{_RANGE}])'},
        "Of one core.",
        unit="percentunit",
    ),
    _lines(
        "Memory",
        {"{{job}} {{instance}}": 'process_resident_memory_bytes{job=~"precache.*"}'},
        "Resident.",
        unit="bytes",
    ),
    Panel(
        "Versions",
        "table",
        "prometheus",
        {"": "count by (part, version, instance, python) (precache_build_info)"},
        "What runs where.",
        width=8,
    ),
)

DASHBOARD: Final = Dashboard(
    uid="precache-itself",
    title="precache: itself",
    description="Bridges, processors and keepers: what they do, and what they wait for.",
    rows={
        "Now": _FIGURES,
        "Bridges": _BRIDGES,
        "Processors": _PROCESSORS,
        "Keepers": _KEEPERS,
        "Processes": _PROCESSES,
    },
    variables=(Variable("cloud", "Cloud", "prometheus", "label_values(precache_bridge_received_total, cloud)"),),
    span="now-6h",
)
