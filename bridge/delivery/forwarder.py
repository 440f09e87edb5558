"""Decodes messages and hands them to Kafka; decides what becomes of those that Kafka did not take."""

import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from confluent_kafka import KafkaException

from bridge.decode import reasons
from bridge.decode.message import Decoder, Forward
from bridge.decode.poison import Poison
from bridge.delivery.breaker import Breaker
from bridge.delivery.dead_letters import Letters
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.in_flight import Failure, Flight
from bridge.delivery.producer import PURGED, Outlet
from bridge.metrics import CloudMetrics
from bridge.source.api import Delivery
from precache.kafka.errors import KafkaFatal, KafkaFault, KafkaFenced, KafkaRejected, translate
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log

_RETRY_BASE_S: Final = 0.5
_RETRY_CAP_S: Final = 5.0
_SAY_EVERY_S: Final = 60.0
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
        outlet: the way to Kafka.
        metrics: where messages are counted.
        clock: seconds that only ever grow.

    Attributes:
        fault: Kafka's last refusal; ``None`` once it takes records again.
    """

    def __init__(  # noqa: PLR0917 - each is another thing
        self,
        cloud: str,
        decoder: Decoder,
        letters: Letters,
        outlet: Outlet,
        metrics: CloudMetrics,
        breaker: Breaker,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._breaker = breaker
        self._cloud = cloud
        self._decoder = decoder
        self._letters = letters
        self._outlet = outlet
        self._metrics = metrics
        self._clock = clock
        self.fault: KafkaFault | None = None
        self._said_at: dict[str, float] = {}
        self._rebuilt_at = float("-inf")

    # Taking

    def take(self, flight: Flight, deliveries: Sequence[Delivery], now_s: float) -> int:
        """Send messages on their way; what nobody wants is settled at once.

        Return how many there was time for, at least one; the flight has the others, for the next round. When the
        breaker opens, the rest of them is left alone: unsettled, to go back to the queue.
        """
        if self._breaker.is_open:
            return 0
        flight.received(deliveries, now_s)
        decode, produce = self._decode, self._outlet.produce
        report, sending, clock = flight.report, flight.sending, self._clock
        until_s = clock() + _ROUND_S
        taken = filtered = counted = 0
        for taken, delivery in enumerate(deliveries, 1):
            outcome = decode(delivery)
            if outcome is None:
                flight.settle_unwanted(delivery.tag)
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
                        self._not_queued(flight, delivery, topic, translate(error, "produce"))
            else:
                poison: Poison = outcome  # type: ignore[assignment]
                readable = taken - 1 - filtered - counted
                counted += readable + 1
                self._breaker.readable(readable)
                if self._breaker.unreadable(poison.reason, now_s):
                    break
                self._bury(flight, delivery, poison)
            if clock() > until_s:
                break
        if not self._breaker.is_open:
            self._breaker.readable(taken - filtered - counted)
            flight.leave(deliveries[taken:], now_s)
        self._metrics.filtered.inc(filtered)
        self._metrics.received(taken, now_s)
        return taken

    def _decode(self, delivery: Delivery) -> Forward | Poison | None:
        try:
            return self._decoder.decode(delivery.body, delivery.properties)
        except Exception as error:  # noqa: BLE001 - one odd message must never stop a cloud
            self._say_decode_failed(error)
            return Poison(reasons.INTERNAL, f"{type(error).__name__} while decoding")

    def _say_decode_failed(self, error: Exception) -> None:
        """Log where this program failed: each place once a minute.

        Without the exception's own text, which may quote the message, and a credential in it.
        """
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        place = f"{type(error).__name__} {frame.f_code.co_filename}:{line}"
        now_s = time.monotonic()
        if now_s - self._said_at.get(place, float("-inf")) >= _SAY_EVERY_S:
            self._said_at[place] = now_s
            frames = "".join(traceback.format_tb(error.__traceback__))
            why = "this program failed on a message, which becomes a dead letter: please report it"
            trace = f"{frames}{type(error).__name__}"
            log.error("bridge.decode_failed", cloud=self._cloud, why=why, exception=trace)

    def _not_queued(self, flight: Flight, delivery: Delivery, topic: str, fault: KafkaFault) -> None:
        if isinstance(fault, KafkaRejected):
            self._bury_instead(flight, Failure(delivery.tag, topic, fault), now_s=0.0)
        else:
            flight.failures.append(Failure(delivery.tag, topic, fault))

    def _bury(self, flight: Flight, delivery: Delivery, poison: Poison) -> None:
        """Send a message to the dead letters."""
        letter = self._letters.letter(delivery, poison)
        flight.sending(delivery, (letter.topic,), len(letter.value))
        flight.buried[delivery.tag] = poison
        self._send(flight, delivery.tag, letter)

    def _bury_instead(self, flight: Flight, failure: Failure, now_s: float) -> None:
        """Have a message sent to the dead letters that a topic refuses: once, however many topics do."""
        if failure.tag in flight.buried:
            flight.done_with(failure.tag, failure.topic)
            return
        flight.redirected(failure.tag, failure.topic, self._letters.topic)
        flight.buried[failure.tag] = _refusal(failure.fault)
        flight.retry_later(failure._replace(topic=self._letters.topic), now_s, 0.0)

    def _send(self, flight: Flight, tag: int, record: Record, *, alone: bool = False) -> None:
        try:
            self._outlet.send(record, partial(flight.report, tag, record.topic), alone=alone)
        except KafkaFault as fault:
            flight.failures.append(Failure(tag, record.topic, fault))

    # What Kafka reported

    def settle(self, flight: Flight, now_s: float) -> None:
        """Settle what Kafka confirmed, and see to what it did not take."""
        self.settle_confirmed(flight)
        if flight.failures:
            self._see_to_failures(flight, now_s)
        if self._outlet.void is not None:
            self._replace_producer(flight, self._outlet.void, now_s)
        if flight.attempts:
            self._send_again(flight, now_s)

    def settle_confirmed(self, flight: Flight) -> None:
        """Settle what Kafka confirmed, and leave the rest as it is."""
        settled = flight.settle()
        if settled.forwarded:
            self._metrics.forwarded(settled.forwarded)
            self.fault = None
        for reason in settled.reasons:
            self._metrics.deadlettered(reason)

    def _see_to_failures(self, flight: Flight, now_s: float) -> None:
        failures, flight.failures = flight.failures, []
        for failure in failures:
            was_alone = (failure.tag, failure.topic) in flight.alone
            if not self._is_final(failure):
                self._note(failure.fault, now_s)
                delay_s = _backoff_s(flight.attempts.get(failure.tag, 0))
                # In a shared batch it could be refused for the batch, and that would be taken for a word on itself.
                flight.retry_later(failure, now_s, delay_s, alone=was_alone)
                if isinstance(failure.fault, KafkaFenced | KafkaFatal):
                    self._outlet.void = self._outlet.void or failure.fault
            elif was_alone:
                self._bury_instead(flight, failure, now_s)
            else:
                flight.retry_later(failure, now_s, 0.0, alone=True)

    def _replace_producer(self, flight: Flight, why: KafkaFault, now_s: float) -> None:
        self._note(why, now_s)
        if now_s - self._rebuilt_at >= _REBUILD_EVERY_S:
            self._rebuilt_at = now_s
            # Every pending record is reported by this, as purged or with what made the producer void, and sent again
            # by the new one. Seen to later, the old one's faults would condemn the new one.
            self._outlet.rebuild()
            self._see_to_failures(flight, now_s)
            self._outlet.void = None

    def _is_final(self, failure: Failure) -> bool:
        """Whether Kafka refuses the record for good; dead letters are sent again for ever, as whatever may pass."""
        fault = failure.fault
        return isinstance(fault, KafkaRejected) and fault.name not in PURGED and self._judges(failure.topic)

    def _judges(self, topic: str) -> bool:
        return topic != self._letters.topic

    def _send_again(self, flight: Flight, now_s: float) -> None:
        due, sent = flight.take_due(now_s), 0
        until_s = self._clock() + _ROUND_S
        for sent, retry in enumerate(due, 1):  # noqa: B007 - how many: looked at after the loop
            self._send(flight, retry.tag, self._record(flight, retry.tag, retry.topic), alone=retry.alone)
            if self._clock() > until_s:
                break
        flight.not_yet(due[sent:])
        if sent:
            self._metrics.kafka_retries.inc(sent)

    def _record(self, flight: Flight, tag: int, topic: str) -> Record:
        """Make a pending message's record for a topic again: decoding is pure, so it is the same."""
        if topic == self._letters.topic:
            return self._letters.letter(flight.pending[tag], flight.buried[tag])
        (record,) = [record for record in self._forwards(flight, tag) if record.topic == topic]
        return record

    def _forwards(self, flight: Flight, tag: int) -> list[Record]:
        outcome = self._decode(flight.pending[tag])
        if not isinstance(outcome, Forward):
            return []
        return [Record(topic, outcome.key, outcome.value, outcome.headers) for topic in outcome.topics]

    def _note(self, fault: KafkaFault, now_s: float) -> None:
        if fault.name not in PURGED:
            self.fault = fault
            self.say(fault, now_s)

    def note_sign(self, flight: Flight) -> None:
        """Note that Kafka took the last sign of life: what it refused before counts only while it is tried again."""
        if not flight.attempts:
            self.fault = None

    def say(self, fault: KafkaFault, now_s: float) -> None:
        """Log a refusal: each kind of it once a minute."""
        if fault.name in PURGED:
            return
        if now_s - self._said_at.get(fault.name, float("-inf")) >= _SAY_EVERY_S:
            self._said_at[fault.name] = now_s
            say = log.error if fault.loud else log.warning
            say("bridge.kafka_refuses", cloud=self._cloud, code=fault.name, why=fault.text)

    # Giving up for now

    def canaries(self, flight: Flight) -> list[Record]:
        """Return the oldest unconfirmed records, one of each topic and key: Kafka is proved when it takes them.

        A sign of life alone would prove one partition of one topic, and the queue would be opened again, and given
        back again, while another one is still away.
        """
        records: dict[tuple[str, bytes], Record] = {}
        for tag in flight.pending:
            if len(records) >= _MAX_CANARIES:
                break
            if self._is_letter_alone(flight, tag) and any(topic == self._letters.topic for topic, _ in records):
                continue  # all dead letters of a cloud have one key
            for record in self._unconfirmed(flight, tag):
                records.setdefault((record.topic, record.key), record)
        return list(records.values())

    def judges(self, record: Record) -> bool:
        """Whether a record that Kafka refuses for good becomes a dead letter; one that is one is sent for ever."""
        return self._judges(record.topic)

    def _unconfirmed(self, flight: Flight, tag: int) -> list[Record]:
        """Return the records of a message that Kafka has not confirmed; not one that it refused for good."""
        if self._is_letter_alone(flight, tag):
            return [self._record(flight, tag, self._letters.topic)]
        topics = flight.waits_for(tag)
        if topics is None:
            return self._forwards(flight, tag)
        found = [record for record in self._forwards(flight, tag) if record.topic in topics]
        return found + [self._record(flight, tag, topic) for topic in topics if topic == self._letters.topic]

    @staticmethod
    def _is_letter_alone(flight: Flight, tag: int) -> bool:
        """Whether all that is wanted of a message is a dead letter."""
        return tag in flight.buried and flight.waits_for(tag) is None


def _refusal(fault: KafkaFault) -> Poison:
    reason = reasons.TOO_LARGE if fault.name in _TOO_LARGE else reasons.REFUSED
    return Poison(reason, f"Kafka refuses the record: {fault.text} ({fault.name})")


def _backoff_s(attempt: int) -> float:
    return backoff_s(attempt, base_s=_RETRY_BASE_S, cap_s=_RETRY_CAP_S)
