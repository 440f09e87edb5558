"""What processors that are gone left open: their transactions.

A killed processor's transaction holds up whoever takes over its partitions, and the readers of the derived topics.
Kafka ends it after ``transaction.timeout.ms``; it looks every ten seconds. A new producer of the same transactional id
ends it at once. A processor that is started again does that for its own; this does it for another one's, which each
commit names. One that died before its first commit is known to those that were members of the group beside it.

Whoever lives must not be fenced: it may have lost this partition only, and would start over with all others. So only a
processor that is not a member of the group is fenced. One that sleeps past its session starts over anyway.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from confluent_kafka import Producer

from precache.kafka.bounded import within
from precache.kafka.errors import KafkaCallError, KafkaRetry, kafka_errors
from precache.kafka.groups import GroupCommits, GroupMembers
from precache.runtime.logs import log
from processor.group import commit_metadata as metadatas


class Predecessors:
    """Ends what processors that are gone left open. For one thread.

    Args:
        commits: the group's.
        members: the group's; their ``client.id`` is their transactional id.
        topic: whose partitions the group shares.
        own: this processor's transactional id.
        of_group: how the transactional ids of the group's processors begin.
        make: returns a producer of a transactional id, its transactions not initialised.
        call_s: how long one call to Kafka may take.
    """

    def __init__(
        self,
        commits: GroupCommits,
        members: GroupMembers,
        *,
        topic: str,
        own: str,
        of_group: str,
        make: Callable[[str], Producer],
        call_s: float,
    ) -> None:
        self.own = own
        self._commits = commits
        self._members = members
        self._topic = topic
        self._of_group = of_group
        self._make = make
        self._call_s = call_s
        # Whom there is no more to be done about, until partitions are given out anew.
        self._done = {"", own}
        # Who was a member at some time, and was not fenced since.
        self._known: set[str] = set()

    def close(self) -> None:
        """Let go of the connections."""
        self._commits.close()

    def note_members(self) -> None:
        """Take note of the group's members; whenever it has given out its partitions: one of them may die unnamed."""
        self._members.forget()
        self._done = {"", self.own}
        with suppress(KafkaCallError):
            self._read_members()

    def end_transactions(self, number: int) -> bool:
        """End the transactions of the processors that may have had a partition before, and are gone.

        Where it can't be done, Kafka does it in the end. At most once by predecessor and share of the partitions: one
        that fell out of the group writes nothing for our partitions from then on.

        Returns:
            Whether that is settled; else Kafka did not answer in time, and another attempt may help.
        """
        name = ""
        try:
            names = (self._known | {self._last(number)}) - self._done
            for name in sorted(self._gone(names) if names else names):
                self._end(number, name)
        except KafkaCallError as error:
            self._members.forget()
            if isinstance(error, KafkaRetry) and not error.actionable:
                return False
            log.warning("processor.predecessor_not_fenced", partition=number, predecessor=name, why=str(error))
            self._settle(name)
        return True

    def _end(self, number: int, name: str) -> None:
        doing = f"end the transaction of {name}"
        with kafka_errors(doing):
            within(doing, self._call_s, partial(self._make(name).init_transactions, self._call_s))
        log.info("processor.predecessor_fenced", partition=number, predecessor=name)
        self._settle(name)

    def _settle(self, name: str) -> None:
        self._done.add(name)
        self._known.discard(name)

    def _last(self, number: int) -> str:
        """Return the transactional id of a partition's last commit, whatever is open; ``""`` when it names none."""
        metadata = metadatas.read(self._commits.read(self._topic, [number], self._call_s)[0].metadata)
        return "" if metadata is None else metadata.transactional_id

    def _gone(self, names: set[str]) -> set[str]:
        """Return which processors are not members of the group; not to be known while we are none ourselves."""
        members = self._read_members()
        return names - members if self.own in members else set()

    def _read_members(self) -> set[str]:
        members = self._members.read(self._call_s)
        self._known |= {name for name in members if name.startswith(self._of_group)} - {self.own}
        return members
