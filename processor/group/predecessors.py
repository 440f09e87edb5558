"""What processors that are gone left open: their transactions.

A killed processor's transaction holds up whoever takes over its partitions, and the readers of the derived topics.
Kafka ends it after ``transaction.timeout.ms``; it looks every ten seconds. A new producer of the same transactional id
ends it at once. A processor that is started again does that for its own; this does it for another one's, which each
commit names.

Whoever lives must not be fenced: it may have lost this partition only, and would start over with all others. So only a
processor that is not a member of the group is fenced. One that sleeps past its session starts over anyway.
"""

from collections.abc import Callable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from precache.kafka import clients
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaCallError, KafkaRetry, kafka_errors
from precache.kafka.groups import GroupCommits
from precache.runtime.logs import log
from processor.group import commit_metadata as commits
from processor.group.membership import Membership


class Predecessors:
    """Ends what processors that are gone left open. For one thread.

    Args:
        kafka: the user's properties.
        group: the consumer group; its members' ``client.id`` is their transactional id.
        topic: whose partitions the group shares.
        own: this processor's transactional id.
        make: returns a producer of a transactional id, its transactions not initialised.
        membership: tells when the partitions were given out anew.
        call_s: how long one call to Kafka may take.
    """

    def __init__(
        self,
        kafka: KafkaBlock,
        *,
        group: str,
        topic: str,
        own: str,
        make: Callable[[str], Producer],
        membership: Membership,
        call_s: float,
    ) -> None:
        self.own = own
        self._commits = GroupCommits(kafka, f"{own}-commits", group)
        self._group = group
        self._topic = topic
        self._make = make
        self._membership = membership
        self._call_s = call_s
        self._kafka = kafka
        # None: to be made. librdkafka's admin client remembers a group's coordinator, also when it has dropped that
        # broker since (re-bootstrap): then it finds none for minutes. So it is made anew with each share, and after
        # each call that got no answer.
        self._admin: AdminClient | None = None
        self._shares = -1
        # Whom there is no more to be done about, until partitions are given out anew.
        self._done: set[str] = set()

    def close(self) -> None:
        """Let go of the connections."""
        self._commits.close()

    def end_transaction(self, number: int) -> bool:
        """End the transaction of the processor that had a partition before, if that is gone.

        Where it can't be done, Kafka does it in the end. At most once by predecessor and share of the partitions: one
        that fell out of the group writes nothing for our partitions from then on.

        Returns:
            Whether that is settled; else Kafka did not answer in time, and another attempt may help.
        """
        if self._shares != self._membership.shares:
            self._shares = self._membership.shares
            self._done = {"", self.own}
            self._admin = None
        name = ""
        try:
            name = self._last(number)
            if name in self._done or not self._is_gone(name):
                return True
            with kafka_errors(f"end the transaction of {name}"):
                self._make(name).init_transactions(self._call_s)
        except KafkaCallError as error:
            self._admin = None
            if isinstance(error, KafkaRetry) and not error.actionable:
                return False
            log.warning("processor.predecessor_not_fenced", partition=number, predecessor=name, why=str(error))
        else:
            log.info("processor.predecessor_fenced", partition=number, predecessor=name)
        self._done.add(name)
        return True

    def _client(self) -> AdminClient:
        if self._admin is None:
            self._admin = clients.admin(self._kafka, self.own).client
        return self._admin

    def _last(self, number: int) -> str:
        """Return the transactional id of a partition's last commit, whatever is open; ``""`` when it names none."""
        metadata = commits.read(self._commits.read(self._topic, [number], self._call_s)[0].metadata)
        return "" if metadata is None else metadata.transactional_id

    def _is_gone(self, name: str) -> bool:
        """Return whether a processor is not a member of the group; not to be known while we are none ourselves."""
        with kafka_errors(f"look at the group {self._group}"):
            futures = self._client().describe_consumer_groups([self._group], request_timeout=self._call_s)
            members = {member.client_id for member in futures[self._group].result().members}
        return self.own in members and name not in members
