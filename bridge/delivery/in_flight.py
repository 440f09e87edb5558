"""The messages of one opening of a source that are not settled.

Kafka's reports are bound to the opening: one that comes after the channel is closed settles nothing on the next
channel, where its tag means another message.
"""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError

from bridge.delivery.ack_tracker import AckTracker
from bridge.delivery.transitions import PendingMessage
from bridge.source.api import Delivery
from precache.kafka.errors import KafkaCallError, translate


class FailedRecord(NamedTuple):
    """A record that Kafka did not take."""

    message: PendingMessage
    topic: str
    error: KafkaCallError


class DueRetry(NamedTuple):
    """A record that must be sent again, not before ``due_s``."""

    due_s: float
    message: PendingMessage
    topic: str


class Settled(NamedTuple):
    """How many messages were settled: forwarded, and by reason of their dead letter."""

    forwarded: int
    reasons: list[str]


class InFlight:
    """The unsettled messages of one opening of a source.

    Attributes:
        pending: messages with a record that Kafka has not confirmed, by tag.
        failures: records that Kafka did not take, since the last look.
        retried: how many pending messages were sent again.
        bytes: what pending and waiting messages keep in memory.
    """

    def __init__(self) -> None:
        self.pending: dict[int, PendingMessage] = {}
        self.failures: list[FailedRecord] = []
        self.retried = 0
        self.bytes = 0
        self._waiting: Sequence[Delivery] = ()
        self._confirmed: list[PendingMessage] = []
        self._retries: list[DueRetry] = []
        self._acks = AckTracker()
        self._batches: deque[tuple[int, float]] = deque()  # the last tag of each batch, and when it came

    @property
    def unsettled(self) -> int:
        """How many messages are not settled."""
        return self._acks.unsettled

    def received(self, deliveries: Sequence[Delivery], now_s: float) -> None:
        """Note received messages."""
        self._acks.received(deliveries[-1].tag, len(deliveries))
        self._batches.append((deliveries[-1].tag, now_s))

    def leave(self, deliveries: Sequence[Delivery], now_s: float) -> None:
        """Leave the last received messages for later, as if they had not been received."""
        if not deliveries:
            return
        self._acks.unreceived(len(deliveries))
        self._batches[-1] = (deliveries[0].tag - 1, now_s)
        self._waiting = deliveries
        self.bytes += sum(len(delivery.body) for delivery in deliveries)

    @property
    def waiting(self) -> int:
        """How many messages were left for later."""
        return len(self._waiting)

    def take_waiting(self) -> Sequence[Delivery]:
        """Return the messages that were left for later, once."""
        taken, self._waiting = self._waiting, ()
        self.bytes -= sum(len(delivery.body) for delivery in taken)
        return taken

    def settle_unwanted(self, tag: int) -> None:
        """Note that a message only has to be acknowledged."""
        self._acks.settle(tag)

    def sending(self, delivery: Delivery, topics: Collection[str], size: int) -> PendingMessage:
        """Note that a message goes to these topics, as a record of ``size`` bytes."""
        message = self.pending[delivery.tag] = PendingMessage(delivery, topics, size)
        self.bytes += message.size
        return message

    def report(self, message: PendingMessage, topic: str, error: KafkaError | None, _message: Any) -> None:
        """Take Kafka's report of one record."""
        if error is not None:
            self.failures.append(FailedRecord(message, topic, translate(error, "produce")))
            return
        message.apply(topic, "confirmed")
        self.settle_if_done(message)

    def settle_if_done(self, message: PendingMessage) -> None:
        """Have a message settled if each of its records has its final answer."""
        if not message.states:
            self._confirmed.append(message)

    def settle(self) -> Settled:
        """Settle the messages whose records all have their final answer since the last call."""
        if not self._confirmed:
            return _NOTHING
        confirmed, self._confirmed = self._confirmed, []
        pending, settle = self.pending, self._acks.settle
        reasons = []
        for message in confirmed:
            tag = message.delivery.tag
            del pending[tag]
            settle(tag)
            self.bytes -= message.size
            if message.attempts:
                self.retried -= 1
            if message.poison is not None:
                reasons.append(message.poison.reason)
        return Settled(len(confirmed) - len(reasons), reasons)

    def head_age_s(self, now_s: float) -> float:
        """Return the age of the oldest unsettled message in seconds; 0 when there is none."""
        head = self._acks.head
        while self._batches and self._batches[0][0] < head:
            self._batches.popleft()
        return now_s - self._batches[0][1] if self._batches else 0.0

    def retry_later(self, message: PendingMessage, topic: str, due_s: float) -> None:
        """Have a record sent again at ``due_s``."""
        if not message.attempts:
            self.retried += 1
        message.attempts += 1
        self._retries.append(DueRetry(due_s, message, topic))

    def take_due(self, now_s: float) -> list[DueRetry]:
        """Return the records that must be sent again now, once."""
        due = [retry for retry in self._retries if retry.due_s <= now_s]
        if due:
            self._retries = [retry for retry in self._retries if retry.due_s > now_s]
        return due

    def postpone(self, retries: Sequence[DueRetry]) -> None:
        """Take back due records that there was no time for."""
        self._retries += retries

    def take_prefix(self) -> int:
        """Return the tag up to which to acknowledge, once; 0 when there is none."""
        return self._acks.take_prefix()

    def take_singles(self) -> list[int]:
        """Return the settled tags beyond a gap, each once."""
        return self._acks.take_singles()


_NOTHING = Settled(0, [])
