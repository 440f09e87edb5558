"""A target's status: the record of ``precache.wanted`` that says how it stands, and why."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from msgspec import structs

from keeper.core import words
from keeper.core.moments.due import Due
from keeper.core.requests import rfc3339
from keeper.core.standing import TargetState
from keeper.core.targets import Unknown, WantedTarget
from precache.contract.wanted import NextAction, Wanted, WantedState

_NO_HOSTS: Final[dict[str, Any]] = {
    "hosts_wanted": 0,
    "hosts_resident": 0,
    "hosts_expiring": 0,
    "hosts_failed": 0,
    "hosts_silent": 0,
    "hosts_unsure": 0,
    "hosts_missing": 0,
}
_NOTHING: Final[dict[str, Any]] = {
    **_NO_HOSTS,
    "next_action": "none",
    "next_at": "",
    "reason": "",
    "last_operation": "",
    "round": 0,
    "global_request_id": "",
}


@dataclass(frozen=True, slots=True)
class Status:
    """How a target stands.

    Attributes:
        record: for ``precache.wanted``.
        in_place: the image is on every host that is up.
        late: its deadline has passed, or will before the image is on every host; ``None``: it has no deadline.
    """

    record: Wanted
    in_place: bool
    late: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a target: state, next action, when (``None``: not known), and the reason."""

    state: WantedState
    action: NextAction
    at_s: float | None
    reason: str


def judge(standing: TargetState, held_up: str, now_s: float) -> Verdict:
    """Return what to say of a target.

    Args:
        standing: how it stands.
        held_up: why a request that is due is not made, in words; ``""`` when none is due.
        now_s: now.
    """
    absent = words.absent_text(standing.hosts)
    if standing.target.declaration.paused:
        return Verdict("paused", "none", None, _joined("paused in the declaration", absent))
    if not standing.hosts:
        return Verdict("waiting", "none", None, "the aggregate has no hosts")
    if standing.working:
        return Verdict("working", "wait", None, _joined(_working_text(standing), absent))
    state: WantedState = "failing" if _is_failing(standing) else "waiting"
    if held_up:
        return Verdict(state, "wait", None, _joined(held_up, _failure_text(standing), absent))
    if standing.due is None:
        return Verdict("waiting", "none", None, absent)
    return _next_verdict(standing, standing.due, state, absent, now_s)


def _next_verdict(standing: TargetState, due: Due, state: WantedState, absent: str, now_s: float) -> Verdict:
    at_s = due.at_s if due.at_s > now_s else None
    reason = words.due_text(due, standing.target.declaration.retry.attempts)
    if not standing.absent and state != "failing":
        return Verdict("resident", "ask", at_s, f"resident on {words.hosts_text(len(standing.hosts))}; {reason}")
    return Verdict(state, "ask", at_s, _joined(_failure_text(standing), absent, reason))


def _is_failing(standing: TargetState) -> bool:
    """Return whether somebody must act: Nova refuses, or all attempts failed."""
    last, due = standing.last, standing.due
    if last is not None and (last.phase == "refused" or (last.whole_failure and _is_spent(standing))):
        return True
    return due is not None and due.why == "cycle"


def _is_spent(standing: TargetState) -> bool:
    return standing.last is not None and standing.last.failures + 1 >= standing.target.declaration.retry.attempts


def _working_text(standing: TargetState) -> str:
    last = standing.last
    assert last is not None  # noqa: S101 - for mypy: `working` says so
    if last.operation is not None:
        return f"round {last.round} runs"
    if last.answer == "accepted":
        return f"round {last.round}: Nova has the request; no notification came yet"
    return f"round {last.round}: it is not known yet whether Nova has the request"


def _failure_text(standing: TargetState) -> str:
    last = standing.last
    if last is None:
        return ""
    if last.phase == "refused":
        return f"Nova refused: {last.detail}"
    if last.phase == "unheard":
        known = "Nova took the last request" if last.answer == "accepted" else "the last request may not have arrived"
        return f"{known}, and no notification of it came"
    if last.phase == "dead":
        return "the last operation stopped without an end"
    return ""


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


def record_of(standing: TargetState, verdict: Verdict, before: Wanted | None) -> Wanted:
    """Return a target's record, with the request of the one before."""
    counts = Counter(each.state for each in standing.hosts)
    return structs.replace(
        _blank(standing.target, before),
        state=verdict.state,
        hosts_wanted=len(standing.hosts),
        hosts_resident=counts["resident"],
        hosts_expiring=counts["expiring"],
        hosts_failed=counts["failed"],
        hosts_silent=counts["silent"],
        hosts_unsure=counts["unsure"],
        hosts_missing=counts["missing"],
        next_action=verdict.action,
        next_at="" if verdict.at_s is None else rfc3339(verdict.at_s),
        reason=verdict.reason,
        last_operation=standing.operation or ("" if before is None else before.last_operation),
    )


def unknown_record(unknown: Unknown, before: Wanted | None) -> Wanted:
    """Return the record of what is declared and does not exist; its request, from when it did, may be open."""
    name = unknown.declaration.aggregate if unknown.aggregate is None else unknown.aggregate.name
    blank = before or Wanted(
        cloud=unknown.declaration.cloud,
        aggregate_uuid=unknown.aggregate_uuid,
        aggregate_name=name,
        image=str(unknown.choice),
        state="failing",
        **_NOTHING,
    )
    said: dict[str, Any] = {**_NO_HOSTS, "next_action": "none", "next_at": "", "reason": unknown.why}
    return structs.replace(blank, state="failing", aggregate_name=name, declared=str(unknown.choice), **said)


def removed_record(before: Wanted) -> Wanted:
    """Return the record of what is not declared any more; its request is kept, since it may be open."""
    reason = "not declared any more, or another image took its place"
    return structs.replace(before, state="removed", next_action="none", next_at="", reason=reason, **_NO_HOSTS)


def unavailable_record(before: Wanted, why: str) -> Wanted:
    """Return the record of a target whose cloud does not answer: all else stays as it was last seen."""
    state: WantedState = "waiting" if before.state == "resident" else before.state
    return structs.replace(before, state=state, next_action="wait", next_at="", reason=why)


def _blank(target: WantedTarget, before: Wanted | None) -> Wanted:
    names: dict[str, Any] = {"aggregate_name": target.aggregate.name, "declared": str(target.choice)}
    if before is not None:
        return structs.replace(before, **names)
    return Wanted(
        cloud=target.declaration.cloud,
        aggregate_uuid=target.aggregate.uuid,
        image=target.image.id,
        state="waiting",
        **names,
        **_NOTHING,
    )
