"""Boot times as columns."""

from typing import Final

from console.cli.output.formats import Column
from console.cli.output.moments import seconds
from precache.query.boots import BootTimes

BOOTS: Final[tuple[Column[BootTimes], ...]] = (
    Column("cloud", lambda each: each.cloud),
    Column("aggregate_name", lambda each: each.aggregate_name, "aggregate"),
    Column("image", lambda each: each.image),
    Column("resident", lambda each: each.resident),
    Column("resident_median_s", lambda each: each.resident_median_s, "median", seconds),
    Column("resident_p95_s", lambda each: each.resident_p95_s, "p95", seconds),
    Column("absent", lambda each: each.absent),
    Column("absent_median_s", lambda each: each.absent_median_s, "median absent", seconds),
    Column("absent_p95_s", lambda each: each.absent_p95_s, "p95 absent", seconds),
    Column("failed", lambda each: each.failed),
    Column("aggregate_uuid", lambda each: each.aggregate_uuid, is_wide=True),
)
