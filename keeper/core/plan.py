"""The plan: what is asked now, and how everything stands.

One request is for one image on one aggregate: a host that does not answer then leaves that image alone in doubt, and
what is asked again is what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from msgspec import structs

from keeper.core import words
from keeper.core.declaration import CloudRules, Declaration
from keeper.core.moments.deadlines import expected_s, seconds_per_host
from keeper.core.observed import CloudView, Unavailable
from keeper.core.requests import global_request_id, request_of, rfc3339, with_outcome
from keeper.core.standing import TargetState, is_blind, stand
from keeper.core.status import (
    Status,
    judge,
    record_of,
    removed_record,
    unavailable_record,
    unknown_record,
)
from keeper.core.targets import Unknown, WantedTarget, expand
from precache.contract.wanted import Answer, Wanted


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be made now.

    Attributes:
        record: for ``precache.wanted``: the intent. It is written before the request is made.
        aggregate_id: the number that Nova's API takes.
    """

    record: Wanted
    aggregate_id: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked now, in this order, and how each target stands; those that are asked for included.

    ``unavailable``: why the cloud was not seen, in words; ``""``: it was.
    """

    calls: Sequence[Call]
    statuses: Sequence[Status]
    unavailable: str = ""


def plan_cloud(
    declarations: Sequence[Declaration],
    rules: CloudRules,
    view: CloudView | Unavailable,
    records: Mapping[str, Wanted],
    now_s: float,
) -> Plan:
    """Return the plan for one cloud.

    Args:
        declarations: what is wanted there.
        rules: what is known of its Nova.
        view: the cloud, now.
        records: the last record of ``precache.wanted`` for each key of this cloud: all that the keeper remembers.
        now_s: now, in seconds since the epoch.
    """
    if isinstance(view, Unavailable):
        return _unseen(view.why, records, now_s)
    return _CloudPlan(declarations, rules, view, records, now_s).made()


def _unseen(why: str, records: Mapping[str, Wanted], now_s: float) -> Plan:
    plan = _CloudPlan((), CloudRules(), CloudView((), ()), records, now_s)
    for each in records.values():
        if each.state != "removed":
            plan.say(unavailable_record(each, why), in_place=False)
    return Plan((), plan.statuses, why)


def answered(record: Wanted, answer: Answer, detail: str, now_s: float) -> Wanted:
    """Return the record of a request once Nova's answer is known, or cannot be known."""
    return structs.replace(record, answer=answer, answer_detail=detail, time=rfc3339(now_s))


@dataclass(slots=True)
class _CloudPlan:
    """The making of one cloud's plan."""

    declarations: Sequence[Declaration]
    rules: CloudRules
    view: CloudView
    records: Mapping[str, Wanted]
    now_s: float
    calls: list[Call] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    # How many of the keeper's requests are open, those of this plan included, and how long they still take in all.
    open: int = 0
    busy_s: float = 0.0
    # The records, with what has become of their requests.
    now: dict[str, Wanted] = field(default_factory=dict)

    def made(self) -> Plan:
        found = expand(self.declarations, self.view)
        standings = self._stand([each for each in found if isinstance(each, WantedTarget)])
        for standing in standings:
            if standing.working:
                self.busy_s += self._takes_s(standing)
        # What is due longest goes first, so that nothing waits for ever.
        for standing in sorted(standings, key=_turn):
            self._take(standing)
        for each in found:
            if isinstance(each, Unknown):
                self.say(unknown_record(each, self.now.get(each.key)), in_place=False)
        self._remove({each.key for each in found})
        return Plan(self.calls, self.statuses)

    def say(self, record: Wanted, *, in_place: bool, late: bool | None = None) -> Wanted:
        """Note a status; its record is that of before, if nothing changed."""
        before = self.records.get(record.key)
        if before is None or structs.replace(record, time=before.time) != before:
            record = structs.replace(record, time=rfc3339(self.now_s))
        self.statuses.append(Status(record, in_place, late))
        return record

    def _stand(self, targets: Sequence[WantedTarget]) -> Sequence[TargetState]:
        operations = {each.global_request_id: each for each in self.view.operations}
        self.now = {key: with_outcome(record, self.view, operations) for key, record in self.records.items()}
        requests = {key: request_of(record, operations) for key, record in self.now.items()}
        self.open = sum(each is not None and each.phase == "open" for each in requests.values())
        return [stand(each, requests.get(each.key), self.view, self.rules, self.now_s) for each in targets]

    def _take(self, standing: TargetState) -> None:
        before = self.now.get(standing.target.key)
        in_place = not any(each.host.up for each in standing.absent) and bool(standing.hosts)
        held_up = self._held_up(standing)
        late = self._is_late(standing)
        if standing.is_due(self.now_s):
            self.busy_s += self._takes_s(standing)
        asks = standing.is_due(self.now_s) and not held_up
        record = record_of(standing, judge(standing, held_up, self.now_s), before)
        if asks:
            record = self._intent(standing, record)
        if late:
            record = self._with_deadline(record, standing)
        record = self.say(record, in_place=in_place, late=late)
        if asks:
            self.calls.append(Call(record, standing.target.aggregate.id))
            self.open += 1

    def _held_up(self, standing: TargetState) -> str:
        """Return why a request that is due is not made now; ``""`` when it is made, or none is due."""
        if not standing.is_due(self.now_s):
            return ""
        if is_blind(self.view, self.now_s):
            return "no heartbeat of this cloud's bridge came lately: what becomes of a request would not be seen"
        if standing.other is not None:
            which = "for this image" if standing.other.images else "for images not known yet"
            return f"waits for operation {standing.other.id}, which runs here {which}"
        if self.open >= self.rules.requests:
            return f"waits for its turn: {words.requests_text(self.rules.requests)} at once on this cloud"
        return ""

    def _intent(self, standing: TargetState, record: Wanted) -> Wanted:
        due, target = standing.due, standing.target
        assert due is not None  # noqa: S101 - for mypy: it is due
        number = record.round + 1
        return structs.replace(
            record,
            state="working",
            next_action="wait",
            next_at="",
            reason=f"round {number}: {words.due_text(due, target.declaration.retry.attempts)}",
            last_operation="",
            round=number,
            global_request_id=global_request_id(target.key, number, self.now_s),
            requested_at=rfc3339(self.now_s),
            answer="intended",
            answer_detail="",
            outcome="",
            ended_at="",
            attempt=due.attempt,
            failures=due.failures,
        )

    def _takes_s(self, standing: TargetState) -> float:
        """Return how long the open request, or the next one, takes; 0 when that is not known."""
        target, operation = standing.target, None if standing.last is None else standing.last.operation
        hosts = len(standing.hosts)
        if standing.working and operation is not None:
            hosts = operation.hosts_total - operation.hosts_done
        per_host_s = seconds_per_host(target.aggregate.uuid, target.image.id, self.view.operations)
        return expected_s(0.0, hosts, per_host_s)

    def _is_late(self, standing: TargetState) -> bool | None:
        """Return whether the deadline can't be met, as far as rate and history show; ``None``: there is none."""
        deadline_s = standing.target.declaration.deadline_s
        if deadline_s is None:
            return None
        if not standing.absent:
            return False
        if self.now_s >= deadline_s or standing.target.declaration.paused:
            return True
        begins_s = self.now_s
        if not standing.working:
            due_s = inf if standing.due is None else standing.due.at_s
            begins_s = max(due_s, self.now_s + self.busy_s / self.rules.requests)
        return begins_s + self._takes_s(standing) > deadline_s

    def _with_deadline(self, record: Wanted, standing: TargetState) -> Wanted:
        deadline_s = standing.target.declaration.deadline_s or 0.0
        text = "was missed" if self.now_s >= deadline_s else "will be missed"
        return structs.replace(record, reason=f"deadline {words.moment_text(deadline_s)} {text}; {record.reason}")

    def _remove(self, kept: set[str]) -> None:
        for key, before in self.now.items():
            if key in kept:
                continue
            if before.state != "removed":
                self.say(removed_record(before), in_place=True)
            elif before != self.records[key]:
                self.say(before, in_place=True)


def _turn(standing: TargetState) -> tuple[float, float, str]:
    """Return what targets are sorted by: whose request is due first, then whose image is purged first."""
    due = standing.due
    if due is None:
        return inf, inf, standing.target.key
    return due.at_s, inf if due.expires_s is None else due.expires_s, standing.target.key
