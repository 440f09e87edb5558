"""The keeper's own requests: what has become of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from uuid import NAMESPACE_URL, uuid5

from msgspec import structs

from keeper.core.observed import CloudView, ObservedOperation
from precache.contract.operation import FINAL_STATUSES
from precache.contract.times import ms_from_rfc3339, rfc3339_ms
from precache.contract.wanted import Answer, Outcome, Wanted

# A request without any notification is given up once a heartbeat of the cloud's bridge came that was sent this long
# after it: what Nova sent before was in the same queue.
UNHEARD_AFTER_S: Final = 60.0
# This long a host that hangs holds up its operation, without a report: Nova's long_rpc_timeout.
HANG_S: Final = 1_800.0
_SLACK_S: Final = 300.0
# A bridge sends one each minute.
HEARTBEAT_FRESH_S: Final = 180.0

# open: it runs, or may. over: its operation ended. The others are why it never did what it was for.
Phase = Literal["open", "over", "refused", "unheard", "dead"]  # open, or an outcome


@dataclass(frozen=True, slots=True)
class KeeperRequest:
    """A request that was intended, and perhaps sent.

    Attributes:
        round: counts the requests for one image on one aggregate.
        global_request_id: by which its operation is known.
        asked_s: when it was intended.
        attempt: which one in a row for hosts that failed, from 1.
        failures: requests in a row before it that Nova never carried out.
        answer: Nova's, as far as known.
        detail: Nova's words.
        phase: what has become of it.
        ended_s: when its operation ended; without one, and while it is open, when it was intended.
        operation: its operation, as long as that is in the view.
    """

    round: int
    global_request_id: str
    asked_s: float
    attempt: int
    failures: int
    answer: Answer
    detail: str
    phase: Phase
    ended_s: float
    operation: ObservedOperation | None

    @property
    def whole_failure(self) -> bool:
        """Whether no host is known to have been asked."""
        return self.phase in {"refused", "unheard", "dead"}


def global_request_id(key: str, number: int, asked_s: float) -> str:
    """Return the id of a round's request: made from what it is for, so that it can be looked for in the log.

    The moment is in it too: a topic that was made anew counts its rounds from 1 again.
    """
    return f"req-{uuid5(NAMESPACE_URL, f'precache:{key}/{number}/{round(asked_s * 1_000)}')}"


def request_of(record: Wanted | None, operations: Mapping[str, ObservedOperation]) -> KeeperRequest | None:
    """Return the last request of a record; ``None`` when there was none.

    Args:
        record: of ``precache.wanted``, as :func:`with_outcome` returns it.
        operations: by their global request id.
    """
    if record is None or not record.global_request_id:
        return None
    asked_s = seconds(record.requested_at)
    return KeeperRequest(
        round=record.round,
        global_request_id=record.global_request_id,
        asked_s=asked_s,
        attempt=record.attempt,
        failures=record.failures,
        answer=record.answer,
        detail=record.answer_detail,
        phase=record.outcome or "open",
        ended_s=seconds(record.ended_at) if record.ended_at else asked_s,
        operation=operations.get(record.global_request_id),
    )


def with_outcome(record: Wanted, view: CloudView, operations: Mapping[str, ObservedOperation]) -> Wanted:
    """Return a record with what has become of its request; once that is known, it stays."""
    if not record.global_request_id or record.outcome:
        return record
    operation = operations.get(record.global_request_id)
    outcome = _outcome(record, operation, view)
    if outcome != "over" or operation is None:
        return structs.replace(record, outcome=outcome)
    return structs.replace(record, outcome=outcome, ended_at=rfc3339(operation.last_event_s))


def _outcome(record: Wanted, operation: ObservedOperation | None, view: CloudView) -> Outcome:
    if operation is not None:
        if operation.status in FINAL_STATUSES:
            return "over"
        return "dead" if is_dead(operation, view) else ""
    if record.answer == "refused":
        return "refused"
    if record.global_request_id in view.started or view.heartbeat_s is None:
        return ""
    return "unheard" if view.heartbeat_s >= seconds(record.requested_at) + UNHEARD_AFTER_S else ""


def is_dead(operation: ObservedOperation, view: CloudView) -> bool:
    """Return whether an open operation will not go on: the conductor that had it is gone.

    Hosts that hang are not reported, and an operation that waits behind others in its conductor is not either. So it is
    dead only if, since its last event, nothing moved on the whole cloud for longer than its hosts may hang, and the
    bridge sent a heartbeat after that.
    """
    if operation.status != "stalled" or view.heartbeat_s is None:
        return False
    limit_s = _quiet_s(operation) + _SLACK_S
    moved_s = operation.last_event_s
    for other in sorted(view.operations, key=lambda each: each.started_s):
        if other.started_s - moved_s >= limit_s:
            return True
        if other is not operation:
            moved_s = max(moved_s, other.last_event_s + _quiet_s(other))
    return view.heartbeat_s - moved_s >= limit_s


def _quiet_s(operation: ObservedOperation) -> float:
    """Return for how long an operation may go on without an event."""
    if operation.status in FINAL_STATUSES:
        return 0.0
    return (operation.hosts_total - operation.hosts_done) * HANG_S


def is_open(operation: ObservedOperation, view: CloudView) -> bool:
    """Return whether an operation runs, or may."""
    return operation.status not in FINAL_STATUSES and not is_dead(operation, view)


@lru_cache(maxsize=4_096)
def rfc3339(moment_s: float) -> str:
    """Return a moment as RFC 3339 with three digits."""
    return rfc3339_ms(round(moment_s * 1_000))


def seconds(text: str) -> float:
    """Return the seconds since the epoch that :func:`rfc3339` wrote."""
    return ms_from_rfc3339(text) / 1_000
