"""Decodes messages and hands them to Kafka; decides what becomes of those that Kafka did not take."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from confluent_kafka import KafkaException

from bridge.decode.message import Decoder, Forward
from bridge.decode.poison import Poison
from bridge.delivery.breaker import Breaker
from bridge.delivery.dead_letters import Letters
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.in_flight import FailedRecord, InFlight
from bridge.delivery.producer import PURGED, CloudProducer
from bridge.delivery.records import Records, refusal
from bridge.delivery.transitions import PendingMessage
from bridge.metrics import CloudMetrics
from bridge.source.api import Delivery
from precache.kafka.errors import KafkaCallError, KafkaFatal, KafkaFenced, KafkaRejected, translate
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from precache.runtime.throttle import Throttle

_RETRY_BASE_S: Final = 0.5
_RETRY_CAP_S: Final = 5.0
# A producer's fatal error may come back at once in the next producer: a missing permission, for example.
_REBUILD_EVERY_S: Final = 1.0
# After this time the other messages of a round wait for the next one: acknowledgements and heartbeats are due.
_ROUND_S: Final = 0.05


class Forwarder:
    """The path of one cloud's messages to Kafka.

    Args:
        cloud: its name.
        decoder: makes records of messages.
        letters: makes dead letters of messages that the decoder can't read.
        producer: sends records to Kafka.
        metrics: where messages are counted.
        breaker: stops the cloud when too many messages can't be read.
        clock: monotonic seconds.

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
        self._records = Records(cloud, decoder, letters)
        self._producer = producer
        self._metrics = metrics
        self._clock = clock
        self.error: KafkaCallError | None = None
        self._throttle = Throttle()
        self._rebuilt_at = float("-inf")

    # Taking

    def take(self, in_flight: InFlight, deliveries: Sequence[Delivery], now_s: float) -> int:
        """Send messages on their way; settle those that nobody wants at once.

        Return how many there was time for, at least one; the others wait among the in-flight messages for the next
        round. When the breaker opens, the rest is left unsettled, to be requeued.
        """
        if self._breaker.is_open:
            return 0
        in_flight.received(deliveries, now_s)
        decode, produce = self._records.decode, self._producer.produce
        report, sending, clock = in_flight.report, in_flight.sending, self._clock
        until_s = clock() + _ROUND_S
        taken = filtered = counted = 0
        for taken, delivery in enumerate(deliveries, 1):
            outcome = decode(delivery)
            if outcome is None:
                in_flight.settle_unwanted(delivery.tag)
                filtered += 1
            elif type(outcome) is Forward:
                message = sending(delivery, outcome.topics, len(outcome.value))
                for topic in outcome.topics:
                    try:
                        produce(
                            topic,
                            outcome.value,
                            outcome.key,
                            on_delivery=partial(report, message, topic),
                            headers=outcome.headers,
                        )
                    except (KafkaException, BufferError) as error:
                        self._not_queued(in_flight, message, topic, translate(error, "produce"))
            else:
                poison: Poison = outcome  # type: ignore[assignment]
                readable = taken - 1 - filtered - counted
                counted += readable + 1
                self._breaker.readable(readable)
                if self._breaker.unreadable(poison.reason, now_s):
                    break
                self._send_dead_letter(in_flight, delivery, poison)
            if clock() > until_s:
                break
        if not self._breaker.is_open:
            self._breaker.readable(taken - filtered - counted)
            in_flight.leave(deliveries[taken:], now_s)
        self._metrics.filtered.inc(filtered)
        self._metrics.received(taken, now_s)
        return taken

    def _send_dead_letter(self, in_flight: InFlight, delivery: Delivery, poison: Poison) -> None:
        """Send a message that can't be read to the dead letters."""
        letter = self._records.letter(delivery, poison)
        message = in_flight.sending(delivery, (), len(letter.value))
        message.dead_letter(letter.topic, poison, "letter-sent")
        self._send(in_flight, message, letter)

    def _send(self, in_flight: InFlight, message: PendingMessage, record: Record) -> None:
        unbatched = message.states[record.topic] == "sent-unbatched"
        try:
            self._producer.send(record, partial(in_flight.report, message, record.topic), unbatched=unbatched)
        except KafkaCallError as error:
            self._not_queued(in_flight, message, record.topic, error)

    def _not_queued(self, in_flight: InFlight, message: PendingMessage, topic: str, error: KafkaCallError) -> None:
        if isinstance(error, KafkaRejected) and topic != self._records.letter_topic:
            message.apply(topic, "invalid")
            self._refused(in_flight, FailedRecord(message, topic, error), now_s=0.0)
        else:
            in_flight.failures.append(FailedRecord(message, topic, error))

    # What Kafka reported

    def settle(self, in_flight: InFlight, now_s: float) -> None:
        """Settle what Kafka confirmed, and handle what it did not take."""
        self.settle_confirmed(in_flight)
        if in_flight.failures:
            self._handle_failures(in_flight, now_s)
        if self._producer.fatal_error is not None:
            self._replace_producer(in_flight, self._producer.fatal_error, now_s)
        if in_flight.retried:
            self._send_again(in_flight, now_s)

    def settle_confirmed(self, in_flight: InFlight) -> None:
        """Settle what Kafka confirmed, and leave the rest as it is."""
        settled = in_flight.settle()
        if settled.forwarded:
            self._metrics.forwarded(settled.forwarded)
            self.error = None
        for reason in settled.reasons:
            self._metrics.deadlettered(reason)

    def _handle_failures(self, in_flight: InFlight, now_s: float) -> None:
        failures, in_flight.failures = in_flight.failures, []
        for failure in failures:
            message, topic, error = failure
            is_final = isinstance(error, KafkaRejected) and error.name not in PURGED
            state = message.apply(topic, "refused" if is_final else "failed")
            if state == "refused":
                self._refused(in_flight, failure, now_s)
            elif is_final and state == "waiting-unbatched":
                in_flight.retry_later(message, topic, now_s)
            else:
                self._note(error, now_s)
                in_flight.retry_later(message, topic, now_s + _backoff_s(message.attempts))
                if isinstance(error, KafkaFenced | KafkaFatal):
                    self._producer.fatal_error = self._producer.fatal_error or error

    def _refused(self, in_flight: InFlight, failure: FailedRecord, now_s: float) -> None:
        """Have a message sent to the dead letters that a topic refuses: once, however many topics do."""
        message = failure.message
        if message.poison is None:
            poison = refusal(failure.error, {failure.topic, *message.states})
            message.dead_letter(self._records.letter_topic, poison, "letter-waiting")
            in_flight.retry_later(message, self._records.letter_topic, now_s)
        in_flight.settle_if_done(message)

    def _replace_producer(self, in_flight: InFlight, why: KafkaCallError, now_s: float) -> None:
        self._note(why, now_s)
        if now_s - self._rebuilt_at >= _REBUILD_EVERY_S:
            self._rebuilt_at = now_s
            # This reports every pending record, as purged or with the producer's fatal error, and the new producer
            # sends them again. Handled later, the old producer's errors would count against the new one.
            self._producer.rebuild()
            self._handle_failures(in_flight, now_s)
            self._producer.fatal_error = None

    def _send_again(self, in_flight: InFlight, now_s: float) -> None:
        due, sent = in_flight.take_due(now_s), 0
        until_s = self._clock() + _ROUND_S
        for sent, (_, message, topic) in enumerate(due, 1):  # noqa: B007 - how many: looked at after the loop
            message.apply(topic, "due")
            self._send(in_flight, message, self._records.record(message, topic))
            if self._clock() > until_s:
                break
        in_flight.postpone(due[sent:])
        if sent:
            self._metrics.kafka_retries.inc(sent)

    def _note(self, error: KafkaCallError, now_s: float) -> None:
        if error.name not in PURGED:
            self.error = error
            self.emit(error, now_s)

    def note_heartbeat(self, in_flight: InFlight) -> None:
        """Note that Kafka took the last heartbeat: an earlier refusal counts only while its record is sent again."""
        if not in_flight.retried:
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
        """Return the oldest unconfirmed records, one of each topic and key: Kafka is probed with them."""
        return self._records.canaries(in_flight.pending.values())

    def judges(self, record: Record) -> bool:
        """Whether a record that Kafka refuses for good becomes a dead letter; a dead letter itself does not."""
        return record.topic != self._records.letter_topic


def _backoff_s(attempt: int) -> float:
    return backoff_s(attempt, base_s=_RETRY_BASE_S, cap_s=_RETRY_CAP_S)
