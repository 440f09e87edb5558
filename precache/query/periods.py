"""When an operation's reports were stamped: so that a store looks there, and not through all that it has. Pure."""

from typing import Final, NamedTuple

from precache.contract.tables.fields import INT64_MAX
from precache.contract.times import NS_PER_S, parse_ns
from precache.query.records import StoredOperation

# Clocks of Nova's hosts may differ so much.
SLACK_NS: Final = 3_600 * NS_PER_S


class Period(NamedTuple):
    """From ``first_ns`` to ``last_ns``, both included; nanoseconds since the epoch."""

    first_ns: int
    last_ns: int


ALWAYS: Final = Period(0, INT64_MAX - 1)


def period_of(operation: StoredOperation) -> Period:
    """Return when an operation's hosts reported, as a rule; whoever misses reports there looks at all times."""
    first = max(0, operation.time - SLACK_NS)
    if not operation.is_final or not operation.ended_at:
        return Period(first, ALWAYS.last_ns)
    return Period(first, max(operation.time, parse_ns(operation.ended_at)) + SLACK_NS)
