"""Decodes messages and hands them to Kafka; decides what becomes of those that Kafka did not take."""

import time
import traceback
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from confluent_kafka import KafkaException

from bridge.decode import reasons
from bridge.decode.message import Decoder, Forward
from bridge.decode.poison import Poison
from bridge.delivery.breaker import Breaker
from bridge.delivery.dead_letters import Letters
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.in_flight import Failure, InFlight
from bridge.delivery.producer import PURGED, CloudProducer
from bridge.metrics import CloudMetrics
from bridge.source.api import Delivery
from precache.kafka.errors import KafkaCallError, KafkaFatal, KafkaFenced, KafkaRejected, translate
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from precache.runtime.throttle import Throttle

_RETRY_BASE_S: Final = 0.5
_RETRY_CAP_S: Final = 5.0
# What made a producer void may do so to the next one: a right that is missing, say.
_REBUILD_EVERY_S: Final = 1.0
_TOO_LARGE: Final = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE", "RECORD_LIST_TOO_LARGE"})
_MAX_CANARIES: Final = 16
# After so long the rest of a round's messages is left for the next one: acknowledgements and heartbeats are due.
_ROUND_S: Final = 0.05


class Forwarder:
    """The path of one cloud's messages to Kafka.

    Args:
        cloud: its name.
        decoder: makes records of messages.
        letters: makes dead letters of what it can't.
        producer: the way to Kafka.
        metrics: where messages are counted.
        clock: seconds that only ever grow.

    Attributes:
        error: Kafka's last refusal; ``None`` once it takes records again.
    """

    def __init__(  # noqa: PLR0917 - each is another thing
        self,
        cloud: str,
        decoder: Decoder,
        letters: Letters,
        producer: CloudProducer,
        metrics: CloudMetrics,
        breaker: Breaker,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._breaker = breaker
        self._cloud = cloud
        self._decoder = decoder
        self._letters = letters
        self._producer = producer
        self._metrics = metrics
        self._clock = clock
        self.error: KafkaCallError | None = None
        self._throttle = Throttle()
        self._rebuilt_at = float("-inf")

    # Taking

    def take(self, in_flight: InFlight, deliveries: Sequence[Delivery], now_s: float) -> int:
        """Send messages on their way; what nobody wants is settled at once.

        Return how many there was time for, at least one; the others wait among the in-flight messages for the next
        round. When the breaker opens, the rest is left unsettled, to go back to the queue.
        """
        if self._breaker.is_open:
            return 0
        in_flight.received(deliveries, now_s)
        decode, produce = self._decode, self._producer.produce
        report, sending, clock = in_flight.report, in_flight.sending, self._clock
        until_s = clock() + _ROUND_S
        taken = filtered = counted = 0
        for taken, delivery in enumerate(deliveries, 1):
            outcome = decode(delivery)
            if outcome is None:
                in_flight.settle_unwanted(delivery.tag)
                filtered += 1
            elif type(outcome) is Forward:
                sending(delivery, outcome.topics, len(outcome.value))
                for topic in outcome.topics:
                    try:
                        produce(
                            topic,
                            outcome.value,
                            outcome.key,
                            on_delivery=partial(report, delivery.tag, topic),
                            headers=outcome.headers,
                        )
                    except (KafkaException, BufferError) as error:
                        self._not_queued(in_flight, delivery, topic, translate(error, "produce"))
            else:
                poison: Poison = outcome  # type: ignore[assignment]
                readable = taken - 1 - filtered - counted
                counted += readable + 1
                self._breaker.readable(readable)
                if self._breaker.unreadable(poison.reason, now_s):
                    break
                self._bury(in_flight, delivery, poison)
            if clock() > until_s:
                break
        if not self._breaker.is_open:
            self._breaker.readable(taken - filtered - counted)
            in_flight.leave(deliveries[taken:], now_s)
        self._metrics.filtered.inc(filtered)
        self._metrics.received(taken, now_s)
        return taken

    def _decode(self, delivery: Delivery) -> Forward | Poison | None:
        try:
            return self._decoder.decode(delivery.body, delivery.properties)
        except Exception as error:  # noqa: BLE001 - one odd message must never stop a cloud
            self._log_decode_failed(error)
            return Poison(reasons.INTERNAL, f"{type(error).__name__} while decoding")

    def _log_decode_failed(self, error: Exception) -> None:
        """Log where this program failed: each place once a minute.

        Without the exception's own text, which may quote the message, and a credential in it.
        """
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        place = f"{type(error).__name__} {frame.f_code.co_filename}:{line}"
        if self._throttle.take(place, time.monotonic()) is not None:
            frames = "".join(traceback.format_tb(error.__traceback__))
            why = "this program failed on a message, which becomes a dead letter: please report it"
            trace = f"{frames}{type(error).__name__}"
            log.error("bridge.decode_failed", cloud=self._cloud, why=why, exception=trace)

    def _not_queued(self, in_flight: InFlight, delivery: Delivery, topic: str, error: KafkaCallError) -> None:
        if isinstance(error, KafkaRejected):
            self._bury_instead(in_flight, Failure(delivery.tag, topic, error), now_s=0.0)
        else:
            in_flight.failures.append(Failure(delivery.tag, topic, error))

    def _bury(self, in_flight: InFlight, delivery: Delivery, poison: Poison) -> None:
        """Send a message to the dead letters."""
        letter = self._letters.letter(delivery, poison)
        in_flight.sending(delivery, (letter.topic,), len(letter.value))
        in_flight.buried[delivery.tag] = poison
        self._send(in_flight, delivery.tag, letter)

    def _bury_instead(self, in_flight: InFlight, failure: Failure, now_s: float) -> None:
        """Have a message sent to the dead letters that a topic refuses: once, however many topics do."""
        if failure.tag in in_flight.buried:
            in_flight.done_with(failure.tag, failure.topic)
            return
        topics = {failure.topic, *(in_flight.waits_for(failure.tag) or ())}
        in_flight.redirected(failure.tag, failure.topic, self._letters.topic)
        in_flight.buried[failure.tag] = _refusal(failure.error, topics)
        in_flight.retry_later(failure._replace(topic=self._letters.topic), now_s, 0.0)

    def _send(self, in_flight: InFlight, tag: int, record: Record, *, unbatched: bool = False) -> None:
        try:
            self._producer.send(record, partial(in_flight.report, tag, record.topic), unbatched=unbatched)
        except KafkaCallError as error:
            in_flight.failures.append(Failure(tag, record.topic, error))

    # What Kafka reported

    def settle(self, in_flight: InFlight, now_s: float) -> None:
        """Settle what Kafka confirmed, and see to what it did not take."""
        self.settle_confirmed(in_flight)
        if in_flight.failures:
            self._see_to_failures(in_flight, now_s)
        if self._producer.fatal_error is not None:
            self._replace_producer(in_flight, self._producer.fatal_error, now_s)
        if in_flight.attempts:
            self._send_again(in_flight, now_s)

    def settle_confirmed(self, in_flight: InFlight) -> None:
        """Settle what Kafka confirmed, and leave the rest as it is."""
        settled = in_flight.settle()
        if settled.forwarded:
            self._metrics.forwarded(settled.forwarded)
            self.error = None
        for reason in settled.reasons:
            self._metrics.deadlettered(reason)

    def _see_to_failures(self, in_flight: InFlight, now_s: float) -> None:
        failures, in_flight.failures = in_flight.failures, []
        for failure in failures:
            was_unbatched = (failure.tag, failure.topic) in in_flight.unbatched
            if not self._is_final(failure):
                self._note(failure.error, now_s)
                delay_s = _backoff_s(in_flight.attempts.get(failure.tag, 0))
                # In a shared batch it could be refused for the batch, and that would be taken for a word on itself.
                in_flight.retry_later(failure, now_s, delay_s, unbatched=was_unbatched)
                if isinstance(failure.error, KafkaFenced | KafkaFatal):
                    self._producer.fatal_error = self._producer.fatal_error or failure.error
            elif was_unbatched:
                self._bury_instead(in_flight, failure, now_s)
            else:
                in_flight.retry_later(failure, now_s, 0.0, unbatched=True)

    def _replace_producer(self, in_flight: InFlight, why: KafkaCallError, now_s: float) -> None:
        self._note(why, now_s)
        if now_s - self._rebuilt_at >= _REBUILD_EVERY_S:
            self._rebuilt_at = now_s
            # Every pending record is reported by this, as purged or with what made the producer void, and sent again
            # by the new one. Seen to later, the old one's faults would condemn the new one.
            self._producer.rebuild()
            self._see_to_failures(in_flight, now_s)
            self._producer.fatal_error = None

    def _is_final(self, failure: Failure) -> bool:
        """Whether Kafka refuses the record for good; dead letters are sent again for ever, as whatever may pass."""
        error = failure.error
        return isinstance(error, KafkaRejected) and error.name not in PURGED and self._judges(failure.topic)

    def _judges(self, topic: str) -> bool:
        return topic != self._letters.topic

    def _send_again(self, in_flight: InFlight, now_s: float) -> None:
        due, sent = in_flight.take_due(now_s), 0
        until_s = self._clock() + _ROUND_S
        for sent, retry in enumerate(due, 1):  # noqa: B007 - how many: looked at after the loop
            self._send(in_flight, retry.tag, self._record(in_flight, retry.tag, retry.topic), unbatched=retry.unbatched)
            if self._clock() > until_s:
                break
        in_flight.not_yet(due[sent:])
        if sent:
            self._metrics.kafka_retries.inc(sent)

    def _record(self, in_flight: InFlight, tag: int, topic: str) -> Record:
        """Make a pending message's record for a topic again: decoding is pure, so it is the same."""
        if topic == self._letters.topic:
            return self._letters.letter(in_flight.pending[tag], in_flight.buried[tag])
        (record,) = [record for record in self._forwards(in_flight, tag) if record.topic == topic]
        return record

    def _forwards(self, in_flight: InFlight, tag: int) -> list[Record]:
        outcome = self._decode(in_flight.pending[tag])
        if not isinstance(outcome, Forward):
            return []
        return [Record(topic, outcome.key, outcome.value, outcome.headers) for topic in outcome.topics]

    def _note(self, error: KafkaCallError, now_s: float) -> None:
        if error.name not in PURGED:
            self.error = error
            self.emit(error, now_s)

    def note_heartbeat(self, in_flight: InFlight) -> None:
        """Note that Kafka took the last heartbeat: what it refused before counts only while it is tried again."""
        if not in_flight.attempts:
            self.error = None

    def emit(self, error: KafkaCallError, now_s: float) -> None:
        """Log a refusal: each kind of it once a minute."""
        if error.name in PURGED:
            return
        if self._throttle.take(error.name, now_s) is not None:
            emit = log.error if error.actionable else log.warning
            emit("bridge.kafka_refuses", cloud=self._cloud, code=error.name, why=error.text)

    # Giving up for now

    def canaries(self, in_flight: InFlight) -> list[Record]:
        """Return the oldest unconfirmed records, one of each topic and key: Kafka is probed when it takes them.

        A heartbeat alone would prove one partition of one topic, and the queue would be opened again, and given
        back again, while another one is still away.
        """
        records: dict[tuple[str, bytes], Record] = {}
        for tag in in_flight.pending:
            if len(records) >= _MAX_CANARIES:
                break
            if self._is_letter_alone(in_flight, tag) and any(topic == self._letters.topic for topic, _ in records):
                continue  # all dead letters of a cloud have one key
            for record in self._unconfirmed(in_flight, tag):
                records.setdefault((record.topic, record.key), record)
        return list(records.values())

    def judges(self, record: Record) -> bool:
        """Whether a record that Kafka refuses for good becomes a dead letter; one that is one is sent for ever."""
        return self._judges(record.topic)

    def _unconfirmed(self, in_flight: InFlight, tag: int) -> list[Record]:
        """Return the records of a message that Kafka has not confirmed; not one that it refused for good."""
        if self._is_letter_alone(in_flight, tag):
            return [self._record(in_flight, tag, self._letters.topic)]
        topics = in_flight.waits_for(tag)
        if topics is None:
            return self._forwards(in_flight, tag)
        found = [record for record in self._forwards(in_flight, tag) if record.topic in topics]
        return found + [self._record(in_flight, tag, topic) for topic in topics if topic == self._letters.topic]

    @staticmethod
    def _is_letter_alone(in_flight: InFlight, tag: int) -> bool:
        """Whether all that is wanted of a message is a dead letter."""
        return tag in in_flight.buried and in_flight.waits_for(tag) is None


def _refusal(error: KafkaCallError, topics: Collection[str]) -> Poison:
    reason = reasons.TOO_LARGE if error.name in _TOO_LARGE else reasons.REFUSED
    return Poison(reason, f"Kafka refuses the record: {error.text} ({error.name})", topics)


def _backoff_s(attempt: int) -> float:
    return backoff_s(attempt, base_s=_RETRY_BASE_S, cap_s=_RETRY_CAP_S)
