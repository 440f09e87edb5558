"""How the loop goes about its work; not the user's to set, but a test's."""

from dataclasses import dataclass, field

from precache.runtime.watchdog import WatchdogLimits


@dataclass(frozen=True, slots=True)
class Tuning:
    """The loop's bounds.

    Attributes:
        round_records: at most that many records in a round, so that one is short: what a round holds is done again when
            it is cut short.
        round_bytes: at most that many bytes of values, give or take one batch.
        poll_s: how long a round waits for a first record.
        margin_ms: wall time is trusted to be this close to the broker's.
        transaction_timeout_ms: after this time Kafka aborts a killed processor's transaction, if nobody else does.
        call_s: how long one call to Kafka may take before the group is served again.
        limits: how long the loop may be silent.
        replaced_wait_s: how long a processor whose place another of the same name took waits before it ends: should a
            supervisor start both again and again, each works for that long, and neither is given up.
    """

    round_records: int = 20_000
    round_bytes: int = 32 * 1024 * 1024
    poll_s: float = 0.25
    margin_ms: int = 2_000
    transaction_timeout_ms: int = 30_000
    call_s: float = 2.0
    limits: WatchdogLimits = field(default_factory=WatchdogLimits)
    replaced_wait_s: float = 10.0
