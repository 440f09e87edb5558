"""What a keeper exports to Prometheus."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from keeper.api import Reply
from keeper.core.plan import Plan
from precache.contract.wanted import Wanted

_P: Final = "precache_keeper"
_TARGET: Final = ["cloud", "aggregate", "image", "declared"]

LEADS: Final = Gauge(f"{_P}_leader", "1 while this keeper is the one that acts, else 0.")
ROUND_S: Final = Histogram(
    f"{_P}_round_seconds", "A round over all clouds.", buckets=(0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
)
LAST_ROUND: Final = Gauge(f"{_P}_last_round_timestamp_seconds", "When the last round ended that was whole.")
FAILED: Final = Counter(f"{_P}_failed_rounds", "Rounds that ended early: Kafka did not answer.")
REQUESTS: Final = Counter(f"{_P}_requests", "Requests made of Nova, by its answer.", ["cloud", "answer"])
CONFIG_OK: Final = Gauge(f"{_P}_config_ok", "0 while the file on disk has an error, and an older one is in use.")
HOSTS: Final = Gauge(f"{_P}_hosts", "Hosts of each declared image, by state.", [*_TARGET, "state"])
STATE: Final = Gauge(f"{_P}_target_state", "1 for the state of each declared image.", [*_TARGET, "state"])
LATE: Final = Gauge(
    f"{_P}_deadline_missed", "1 if the deadline has passed, or will, before all hosts have it.", _TARGET
)

_HOST_STATES: Final = ("wanted", "resident", "expiring", "failed", "silent", "unsure", "missing")


def count_reply(record: Wanted, reply: Reply) -> None:
    """Count a request."""
    REQUESTS.labels(record.cloud, reply.answer).inc()


def show(plans: Mapping[str, Plan]) -> None:
    """Show how every target stands; what is no longer declared is shown no more."""
    for gauge in (HOSTS, STATE, LATE):
        gauge.clear()
    for plan in plans.values():
        for status in plan.statuses:
            record = status.record
            if record.state == "removed":
                continue
            target = (record.cloud, record.aggregate_name, record.image, record.declared)
            for state in _HOST_STATES:
                HOSTS.labels(*target, state).set(getattr(record, f"hosts_{state}"))
            STATE.labels(*target, record.state).set(1)
            if status.late is not None:
                LATE.labels(*target).set(status.late)
