"""How declared images stand, as columns. Pure."""

from typing import Final

from console.cli.output.formats import Column
from console.cli.output.moments import at, short
from precache.query.records import WantedImage


def _have(row: WantedImage) -> str:
    return f"{row.hosts_resident + row.hosts_expiring}/{row.hosts_wanted}"


WANTED: Final[tuple[Column[WantedImage], ...]] = (
    Column("cloud", lambda row: row.cloud),
    Column("aggregate_name", lambda row: row.aggregate_name, "aggregate", is_long=True),
    Column("image", lambda row: row.image, is_long=True),
    Column("state", lambda row: row.state),
    Column("on", _have),
    Column("next_action", lambda row: row.next_action, "next"),
    Column("next_at", lambda row: row.next_at, "at", short),
    Column("reason", lambda row: row.reason),
    Column("changed_at", lambda row: at(row.time), "changed", short, is_wide=True),
    Column("aggregate_uuid", lambda row: row.aggregate_uuid, is_wide=True),
    Column("hosts_wanted", lambda row: row.hosts_wanted, is_wide=True),
    Column("hosts_resident", lambda row: row.hosts_resident, is_wide=True),
    Column("hosts_expiring", lambda row: row.hosts_expiring, is_wide=True),
    Column("hosts_failed", lambda row: row.hosts_failed, is_wide=True),
    Column("hosts_silent", lambda row: row.hosts_silent, is_wide=True),
    Column("hosts_unsure", lambda row: row.hosts_unsure, is_wide=True),
    Column("hosts_missing", lambda row: row.hosts_missing, is_wide=True),
    Column("last_operation", lambda row: row.last_operation, is_wide=True),
)
