"""What a processor exports to Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_P: Final = "precache_processor"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

EVENTS: Final = Counter(
    f"{_P}_events",
    "Records read from nova.notifications: report, repeated, ignored, heartbeat, or the reason of a dead letter.",
    ["outcome"],
)
POINTS: Final = Counter(f"{_P}_points", "Progress points written to the store.")
POINT_ROWS: Final = Counter(
    f"{_P}_point_rows", "Rows of boots and of wanted images written to the store.", ["measurement"]
)
POINTS_TOO_OLD: Final = Counter(f"{_P}_points_too_old", "Points left out: older than the store keeps them.")
DECISIONS: Final = Counter(f"{_P}_decisions", "Records written to precache.operations.", ["status"])
DEADLETTERS: Final = Counter(f"{_P}_deadletters", "Records written to precache.deadletters.", ["reason"])
ROUNDS: Final = Counter(f"{_P}_rounds", "Rounds of the loop that committed something.")
ROUND_S: Final = Histogram(f"{_P}_round_seconds", "A round that committed: from its first record on.", buckets=_SECONDS)
STARTED_OVER: Final = Counter(f"{_P}_started_over", "Rounds whose work was dropped and done again.", ["why"])
STORE_WRITE_S: Final = Histogram(
    f"{_P}_store_write_seconds", "One write to the store, successful or not.", buckets=_SECONDS
)
STORE_RETRIES: Final = Counter(f"{_P}_store_retries", "Writes to the store that failed and are repeated.")
STORE_WAITING: Final = Gauge(f"{_P}_store_waiting", "1 while the store takes nothing, else 0.")
AHEAD: Final = Counter(f"{_P}_records_ahead", "Records whose timestamps are too far ahead of wall time to be believed.")
CLOCK_TAKEN_BACK: Final = Counter(f"{_P}_clock_taken_back", "Partition clocks taken back to wall time.")
LAG: Final = Gauge(
    f"{_P}_lag_records",
    "Records of nova.notifications after the committed offset, as Kafka's tools count.",
    ["partition"],
)
OPEN: Final = Gauge(
    f"{_P}_open_operations", "Operations in memory, by status. A stalled one had no report for 35 minutes.", ["status"]
)
PARTITIONS: Final = Gauge(f"{_P}_partitions", "Partitions of nova.notifications held, by state.", ["state"])
REPLAY_S: Final = Histogram(f"{_P}_rebuild_seconds", "Rebuilding a partition's state.", buckets=_SECONDS)
REPLAYED: Final = Counter(f"{_P}_replayed_records", "Records read again to rebuild partitions' states.")
DELAY_S: Final = Histogram(
    f"{_P}_point_delay_seconds",
    "From Nova's timestamp to the point in the store (a sample of each round's points).",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0),
)
