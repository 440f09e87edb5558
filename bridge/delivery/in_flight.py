"""What one opening of a source has in flight: the messages that are not settled, and what Kafka reported of them.

Each opening has a flight of its own, which Kafka's reports are bound to. So a report that comes after the channel is
gone settles nothing on the next one: its tags mean other messages there.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import KafkaError

from bridge.delivery.ack_tracker import AckTracker
from bridge.source.api import Delivery
from precache.kafka.errors import KafkaCallError, translate

if TYPE_CHECKING:
    from bridge.decode.poison import Poison


class Failure(NamedTuple):
    """A record that Kafka did not take."""

    tag: int
    topic: str
    error: KafkaCallError


@dataclass(frozen=True, slots=True)
class Retry:
    """A record to be sent again, not before ``due_s``; ``unbatched``: in a batch of its own."""

    due_s: float
    tag: int
    topic: str
    unbatched: bool


class Settled(NamedTuple):
    """How many messages were settled: forwarded, and by reason of their dead letter."""

    forwarded: int
    reasons: list[str]


class InFlight:
    """The unsettled messages of one opening of a source, by tag.

    Attributes:
        pending: messages that are with Kafka, or wait to be sent again.
        failures: what Kafka refused since it was last looked at.
        buried: why, of each pending message that goes to the dead letters.
        attempts: how often a message was sent again.
        unbatched: the records that were sent in a batch of their own, as (tag, topic).
        bytes: of what is pending: the bodies, or the records made of them where these are larger; and of what waits.
    """

    def __init__(self) -> None:
        self.pending: dict[int, Delivery] = {}
        self.failures: list[Failure] = []
        self.buried: dict[int, Poison] = {}
        self._retries: list[Retry] = []
        self.attempts: dict[int, int] = {}
        self.unbatched: set[tuple[int, str]] = set()
        self.bytes = 0
        self._waiting: Sequence[Delivery] = ()
        self._beyond: dict[int, int] = {}  # by how much records are larger than the bodies, where they are
        self._acks = AckTracker()
        self._delivered: list[int] = []
        self._several: dict[int, set[str]] = {}
        self._batches: deque[tuple[int, float]] = deque()

    @property
    def unsettled(self) -> int:
        """How many messages are not settled."""
        return self._acks.unsettled

    def received(self, deliveries: Sequence[Delivery], now_s: float) -> None:
        """Note what came."""
        self._acks.received(deliveries[-1].tag, len(deliveries))
        self._batches.append((deliveries[-1].tag, now_s))

    def leave(self, deliveries: Sequence[Delivery], now_s: float) -> None:
        """Leave the last of the messages that came for later, as if they had not come yet."""
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
        """Note that nothing is to be done for a message but to acknowledge it."""
        self._acks.settle(tag)

    def sending(self, delivery: Delivery, topics: Sequence[str], size: int) -> None:
        """Note that a message goes to these topics, as so many bytes: it is settled when each has confirmed it."""
        self.pending[delivery.tag] = delivery
        self.bytes += len(delivery.body)
        if size > len(delivery.body):  # it came compressed, as a rule
            self._beyond[delivery.tag] = size - len(delivery.body)
            self.bytes += self._beyond[delivery.tag]
        if len(topics) > 1:
            self._several[delivery.tag] = set(topics)

    def redirected(self, tag: int, topic: str, to: str) -> None:
        """Note that a message goes to another topic than was noted."""
        if tag in self._several:
            self._several[tag] = self._several[tag] - {topic} | {to}

    def waits_for(self, tag: int) -> set[str] | None:
        """Return the topics that have not confirmed a pending message yet; None if it goes to one only."""
        return self._several.get(tag)

    def report(self, tag: int, topic: str, error: KafkaError | None, _message: Any) -> None:
        """Take Kafka's report of one record."""
        if error is not None:
            self.failures.append(Failure(tag, topic, translate(error, "produce")))
        elif not self._several or self._was_last(tag, topic):
            self._delivered.append(tag)

    def done_with(self, tag: int, topic: str) -> None:
        """Note that nothing more is to be done for a message's record in one of its topics."""
        if self._was_last(tag, topic):
            self._delivered.append(tag)

    def _was_last(self, tag: int, topic: str) -> bool:
        waiting = self._several.get(tag)
        if waiting is None:
            return True
        waiting.discard(topic)
        if waiting:
            return False
        del self._several[tag]
        return True

    def settle(self) -> Settled:
        """Settle what Kafka has confirmed since the last call."""
        if not self._delivered:
            return _NOTHING
        delivered, self._delivered = self._delivered, []
        pending, settle = self.pending, self._acks.settle
        size = 0
        for tag in delivered:
            size += len(pending.pop(tag).body)
            settle(tag)
        if self._beyond:
            size += sum(self._beyond.pop(tag, 0) for tag in delivered)
        self.bytes -= size
        reasons = [self.buried.pop(tag).reason for tag in delivered if tag in self.buried] if self.buried else []
        if self.attempts:
            self._forget_attempts(delivered)
        return Settled(len(delivered) - len(reasons), reasons)

    def _forget_attempts(self, delivered: Sequence[int]) -> None:
        for tag in delivered:
            self.attempts.pop(tag, None)
        self.unbatched = {(tag, topic) for tag, topic in self.unbatched if tag in self.pending}

    def head_age_s(self, now_s: float) -> float:
        """Return for how long the oldest unsettled message has been here; 0 when there is none."""
        head = self._acks.head
        while self._batches and self._batches[0][0] < head:
            self._batches.popleft()
        return now_s - self._batches[0][1] if self._batches else 0.0

    def retry_later(self, failure: Failure, now_s: float, delay_s: float, *, unbatched: bool = False) -> None:
        """Have a record sent again after a while; ``unbatched``: in a batch of its own."""
        self.attempts[failure.tag] = self.attempts.get(failure.tag, 0) + 1
        if unbatched:
            self.unbatched.add((failure.tag, failure.topic))
        self._retries.append(Retry(now_s + delay_s, failure.tag, failure.topic, unbatched))

    def take_due(self, now_s: float) -> list[Retry]:
        """Return what is to be sent again now, once."""
        due = [retry for retry in self._retries if retry.due_s <= now_s]
        if due:
            self._retries = [retry for retry in self._retries if retry.due_s > now_s]
        return due

    def not_yet(self, retries: Sequence[Retry]) -> None:
        """Have these due another time: there was no time for them."""
        self._retries += retries

    def take_prefix(self) -> int:
        """Return the tag up to which to acknowledge, once; 0 when there is none."""
        return self._acks.take_prefix()

    def take_singles(self) -> list[int]:
        """Return the settled tags beyond a gap, each once."""
        return self._acks.take_singles()


_NOTHING = Settled(0, [])
