"""Makes records for Kafka of messages: the forwarded ones and the dead letters, the same each time."""

import time
import traceback
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from bridge.decode import reasons
from bridge.decode.message import Decoder, Forward
from bridge.decode.poison import Poison
from bridge.delivery.dead_letters import Letters
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.transitions import PendingMessage
from bridge.source.api import Delivery
from precache.kafka.errors import KafkaCallError
from precache.runtime.logs import log
from precache.runtime.throttle import Throttle

_MAX_CANARIES: Final = 16
_TOO_LARGE: Final = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE", "RECORD_LIST_TOO_LARGE"})


class Records:
    """The records of one cloud's messages.

    Args:
        cloud: its name.
        decoder: makes records of messages.
        letters: makes dead letters of messages that the decoder can't read.
    """

    def __init__(self, cloud: str, decoder: Decoder, letters: Letters) -> None:
        self._cloud = cloud
        self._decoder = decoder
        self._letters = letters
        self._throttle = Throttle()

    @property
    def letter_topic(self) -> str:
        """The topic of the dead letters."""
        return self._letters.topic

    def decode(self, delivery: Delivery) -> Forward | Poison | None:
        """Return what a message becomes; ``None`` if nobody wants it. Never raises."""
        try:
            return self._decoder.decode(delivery.body, delivery.properties)
        except Exception as error:  # noqa: BLE001 - one odd message must never stop a cloud
            self._log_decode_failed(error)
            return Poison(reasons.INTERNAL, f"{type(error).__name__} while decoding")

    def letter(self, delivery: Delivery, poison: Poison) -> Record:
        """Return the dead letter of a message."""
        return self._letters.letter(delivery, poison)

    def record(self, message: PendingMessage, topic: str) -> Record:
        """Return a pending message's record for a topic."""
        (record,) = self._made(message, {topic})
        return record

    def canaries(self, pending: Iterable[PendingMessage]) -> list[Record]:
        """Return the oldest records that Kafka has neither confirmed nor refused for good, one of each topic and key.

        A heartbeat alone would probe one partition of one topic. The queue would be opened, and its messages
        requeued, again and again while another partition is away.
        """
        records: dict[tuple[str, bytes], Record] = {}
        letter_alone = {self._letters.topic}
        for message in pending:
            if len(records) >= _MAX_CANARIES:
                break
            if message.states.keys() == letter_alone and any(topic == self._letters.topic for topic, _ in records):
                continue  # all dead letters of a cloud have one key
            for record in self._made(message, message.states.keys()):
                records.setdefault((record.topic, record.key), record)
        return list(records.values())

    def _made(self, message: PendingMessage, topics: AbstractSet[str]) -> list[Record]:
        """Make a message's records for these topics again: decoding is pure, so they are the same."""
        poison, letter_topic = message.poison, self._letters.topic
        letters = [self.letter(message.delivery, poison)] if poison is not None and letter_topic in topics else []
        if topics == {letter_topic}:
            return letters
        return [record for record in self._forwards(message) if record.topic in topics] + letters

    def _forwards(self, message: PendingMessage) -> list[Record]:
        outcome = self.decode(message.delivery)
        if not isinstance(outcome, Forward):
            return []
        return [Record(topic, outcome.key, outcome.value, outcome.headers) for topic in outcome.topics]

    def _log_decode_failed(self, error: Exception) -> None:
        """Log where this program failed: each place once a minute.

        The exception's own text is left out: it may quote the message, and a credential in it.
        """
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        place = f"{type(error).__name__} {frame.f_code.co_filename}:{line}"
        if self._throttle.take(place, time.monotonic()) is not None:
            frames = "".join(traceback.format_tb(error.__traceback__))
            why = "this program failed on a message, which becomes a dead letter: please report it"
            trace = f"{frames}{type(error).__name__}"
            log.error("bridge.decode_failed", cloud=self._cloud, why=why, exception=trace)


def refusal(error: KafkaCallError, topics: Collection[str]) -> Poison:
    """Return why a message becomes a dead letter that Kafka refuses; ``topics`` have not taken it."""
    reason = reasons.TOO_LARGE if error.name in _TOO_LARGE else reasons.REFUSED
    return Poison(reason, f"Kafka refuses the record: {error.text} ({error.name})", topics)
