"""One round of the keeper: look at each cloud, plan, write down what is about to be asked, ask, write down the answer.

1. read the records of all requests that were made;
2. look at a cloud, and plan;
3. write the statuses that changed, in one transaction;
4. for each request, one after another: write the intent; ask Nova; write the answer.

Killed after the intent, the next keeper finds the request as intended: it waits until it can know whether Nova has it,
and asks no more in that round. Killed before the intent, nothing was asked.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from keeper.api import Clouds, Memory, Reply
from keeper.core.declaration import CloudRules, Declaration
from keeper.core.plan import Call, Plan, answered, plan_cloud
from keeper.core.requests import rfc3339
from keeper.core.status import removed_record
from precache.contract.wanted import Wanted

# An intent that lay for longer is not asked: this process slept, and another keeper may have taken over.
MAX_INTENT_AGE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class CloudDeclarations:
    """All that is declared for one cloud."""

    cloud: str
    rules: CloudRules
    declarations: Sequence[Declaration]


class Round:
    """Carries out rounds. For one thread.

    Args:
        clouds: are looked at, and asked.
        memory: holds the records.
        clock: seconds since the epoch.
        goes_on: whether to go on; asked before each request.
        on_reply: takes each request and its answer.
    """

    def __init__(
        self,
        clouds: Clouds,
        memory: Memory,
        clock: Callable[[], float],
        *,
        goes_on: Callable[[], bool] = lambda: True,
        on_reply: Callable[[Wanted, Reply], None] = lambda _record, _reply: None,
    ) -> None:
        self._clouds = clouds
        self._memory = memory
        self._clock = clock
        self._goes_on = goes_on
        self._on_reply = on_reply

    def run(self, wishes: Sequence[CloudDeclarations]) -> Mapping[str, Plan]:
        """Carry out one round; return each cloud's plan, as it was before its requests were made."""
        self._forget({wish.cloud for wish in wishes})
        return {wish.cloud: self._plan(wish) for wish in wishes if self._goes_on()}

    def _forget(self, clouds: AbstractSet[str]) -> None:
        """Close the records of clouds for which nothing is declared any more."""
        records = self._memory.read().values()
        gone = [each for each in records if each.cloud not in clouds and each.state != "removed"]
        if gone:
            self._memory.write([structs.replace(removed_record(each), time=rfc3339(self._clock())) for each in gone])

    def _plan(self, wish: CloudDeclarations) -> Plan:
        everything = self._memory.read()
        records = {key: record for key, record in everything.items() if record.cloud == wish.cloud}
        view = self._clouds.look(wish.cloud, records)
        plan = plan_cloud(wish.declarations, wish.rules, view, records, self._clock())
        asked = {call.record.key for call in plan.calls}
        changed = [
            status.record
            for status in plan.statuses
            if status.record.key not in asked and records.get(status.record.key) != status.record
        ]
        if changed:
            self._memory.write(changed)
        for call in plan.calls:
            if self._goes_on():
                self._ask(call)
        return plan

    def _ask(self, call: Call) -> None:
        record = call.record
        intended_s = self._clock()
        self._memory.write([record])
        if self._clock() - intended_s > MAX_INTENT_AGE_S:
            # It is not known that nobody else acts now; whoever does finds a request without any notification.
            return
        reply = self._clouds.ask(record.cloud, call.aggregate_id, record.image, record.global_request_id)
        self._memory.write([answered(record, reply.answer, reply.detail, self._clock())])
        self._on_reply(record, reply)
