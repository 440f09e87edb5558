"""What becomes of a message's records: one state for each topic, and the table of its transitions. Pure.

Kafka confirms a record, or fails for a reason that may pass (``failed``), or refuses it for good (``refused``). It
refuses a whole batch for one record, so only a record in a batch of its own is known to be refused itself. Where the
client refuses a record before it is sent (``invalid``), no batch is involved. A dead letter is sent until Kafka has it.
"""

from collections.abc import Collection
from typing import Final, Literal

from bridge.decode.poison import Poison
from bridge.source.api import Delivery

State = Literal[
    "sent",
    "waiting",
    "sent-unbatched",
    "waiting-unbatched",
    "letter-sent",
    "letter-waiting",
    "confirmed",
    "refused",
]
Event = Literal["confirmed", "failed", "refused", "invalid", "due"]

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    ("sent", "confirmed"): "confirmed",
    ("sent", "failed"): "waiting",
    ("sent", "refused"): "waiting-unbatched",
    ("sent", "invalid"): "refused",
    ("waiting", "due"): "sent",
    ("sent-unbatched", "confirmed"): "confirmed",
    # In a shared batch it could be refused for the batch, and that would be taken for an answer about the record.
    ("sent-unbatched", "failed"): "waiting-unbatched",
    ("sent-unbatched", "refused"): "refused",
    ("sent-unbatched", "invalid"): "refused",
    ("waiting-unbatched", "due"): "sent-unbatched",
    ("letter-sent", "confirmed"): "confirmed",
    ("letter-sent", "failed"): "letter-waiting",
    ("letter-sent", "refused"): "letter-waiting",
    ("letter-sent", "invalid"): "letter-waiting",
    ("letter-waiting", "due"): "letter-sent",
}
ENDED: Final[frozenset[State]] = frozenset({"confirmed", "refused"})


class PendingMessage:
    """A message that is not settled, with the state of each record that Kafka has not confirmed yet.

    Args:
        delivery: the message.
        topics: where its records go, each sent once now.
        size: bytes of the record.

    Attributes:
        size: bytes that it keeps in memory: of the body, or of the record where that is larger.
        states: of each topic that has no final answer.
        poison: why the message becomes a dead letter; ``None`` if it does not.
        attempts: how often one of its records had to be sent again.
    """

    __slots__ = ("attempts", "delivery", "poison", "size", "states")

    def __init__(self, delivery: Delivery, topics: Collection[str], size: int) -> None:
        self.delivery = delivery
        self.size = max(size, len(delivery.body))  # the body may be compressed
        self.states: dict[str, State] = dict.fromkeys(topics, "sent")
        self.poison: Poison | None = None
        self.attempts = 0

    def dead_letter(self, topic: str, poison: Poison, state: State) -> None:
        """Note that the message becomes a dead letter in this topic."""
        self.poison = poison
        self.states[topic] = state

    def apply(self, topic: str, event: Event) -> State:
        """Note what happened to the record for a topic; return its new state.

        Raises:
            KeyError: the record can't have such an event, or has its final answer.
        """
        state = TRANSITIONS[self.states[topic], event]
        if state in ENDED:
            del self.states[topic]
        else:
            self.states[topic] = state
        return state
