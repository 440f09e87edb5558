"""Which keeper acts: the member of the group that holds the partition of `precache.wanted`."""

from contextlib import suppress
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from precache.kafka.errors import KafkaCallError, kafka_errors, translate
from precache.runtime.logs import log

_PARTITION: Final = 0


class Leadership:
    """One member of the keepers' group. It reads nothing through it. For one thread.

    Attributes:
        leads: this is the keeper that acts, as far as it knows: a paused one learns later. The transactional id fences.
        is_member: the group has answered, one way or the other.

    Args:
        consumer: of the group, with an eager assignment.
        topic: ``precache.wanted``.
    """

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self.leads = False
        self.is_member = False
        self._consumer = consumer
        self._topic = topic

    def join(self) -> None:
        """Ask for the partition."""
        with kafka_errors("join the keepers' group"):
            self._consumer.subscribe(
                [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )

    def join_anew(self) -> None:
        """Let go of the partition, and ask for it again: another keeper wrote, so the group may have given it away."""
        self.leads = self.is_member = False
        with kafka_errors("leave the keepers' group"):
            self._consumer.unsubscribe()
        self.join()

    def poll(self, timeout_s: float) -> None:
        """Serve the group.

        Raises:
            KafkaCallError: Kafka refuses this member, or its topic is missing.
        """
        with kafka_errors("serve the keepers' group"):
            message = self._consumer.poll(timeout_s)
        error = None if message is None else message.error()
        if error is not None:
            raise translate(error, "serve the keepers' group")

    def leave(self) -> None:
        """Leave the group, so that another keeper takes over at once."""
        with suppress(KafkaCallError), kafka_errors("leave the keepers' group"):
            self._consumer.close()
        self.leads = False

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self.is_member = True
        leads = any(place.partition == _PARTITION for place in places)
        if leads != self.leads:
            log.info("keeper.leads" if leads else "keeper.waits")
        self.leads = leads
        consumer.assign([])

    def _on_revoke(self, consumer: Consumer, _places: list[TopicPartition]) -> None:
        self.leads = False
        consumer.unassign()
