"""One cloud's bridge: from its queue to Kafka, in a thread of its own, with a source and a producer of its own.

The order that keeps the promise:

1. Kafka is probed by a delivered heartbeat (and by records that it owes us from before).
2. Only then the source is opened, and messages are taken.
3. Each is handed to Kafka; it stays in flight until Kafka's own report.
4. What Kafka confirmed is acknowledged to RabbitMQ, on the channel that it came from.
5. When Kafka has not confirmed the oldest message for `hold`: what is confirmed is acknowledged, the producer is
   purged, the channel is closed (so all others are requeued, once), and it begins again at 1.
6. When too many messages can't be read, the breaker opens: what was sent is waited for and acknowledged, the rest is
   requeued likewise, and after a pause one message at a time is tried.

Killed at any point, what is not acknowledged comes again: a notification may be in Kafka twice, never not at all.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bridge.cooldown import cooldown_s
from bridge.delivery.breaker import Breaker
from bridge.delivery.forwarder import Forwarder
from bridge.delivery.heartbeat import HeartbeatSender
from bridge.delivery.heartbeat_record import Record, heartbeat_record
from bridge.delivery.in_flight import InFlight
from bridge.delivery.probe import SLOW_S, KafkaProbe
from bridge.delivery.producer import PURGED, CloudProducer
from bridge.metrics import CloudMetrics
from bridge.reconnect import Reconnect
from bridge.source.api import MessageSource, SourceError
from precache.contract.heartbeat import State
from precache.kafka.errors import KafkaCallError
from precache.runtime.health import Health
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched

# How long to wait for messages when Kafka owes no report; and when it does: an acknowledgement may be late by so much.
_IDLE_S: Final = 0.2
_BUSY_S: Final = 0.02
# A head of the line that waits for longer does not hold up the acknowledgements behind it.
_STUCK_S: Final = 1.0
# Left of `shutdown_timeout` for closing; and of that, for the last heartbeat.
_CLOSING_S: Final = 3.0
_LAST_HEARTBEAT_S: Final = 1.0
# When RabbitMQ is lost: how long to wait for reports that are on their way. What Kafka still owes then, it must confirm
# before the queue is opened again: else each further loss would return the messages once more.
_LAST_REPORTS_S: Final = 1.0
# Bodies in flight, whatever the prefetch: librdkafka holds the records made of them as well.
_MAX_BYTES: Final = 32 * 1024 * 1024
# A little more comes all the same, or RabbitMQ would drop the connection; with so much, Kafka is waited for no longer.
_FULL_BYTES: Final = 48 * 1024 * 1024

_KAFKA_AWAY: Final = "Kafka is away: what it had not confirmed was requeued"
# Why no more is taken from a source that is open.
Ending = Literal["stop", "kafka-away", "unreadable", "recovered"]


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """What a worker has to know of its cloud.

    Attributes:
        name: the cloud's.
        instance: this bridge's, for its heartbeats.
        notifications: the topic for heartbeats.
        hold_s: for how long an unconfirmed message is held.
        backoff_base_s: the most to wait before connecting a second time.
        backoff_cap_s: the most to wait before connecting ever.
        shutdown_s: for how long to wait for Kafka when stopping.
    """

    name: str
    instance: str
    notifications: str
    hold_s: float
    backoff_base_s: float
    backoff_cap_s: float
    shutdown_s: float


class Worker:
    """See the module. ``run`` returns when the stop is requested and all is settled, or its time is up."""

    def __init__(
        self,
        *,
        settings: CloudSettings,
        source: MessageSource,
        forwarder: Forwarder,
        producer: CloudProducer,
        breaker: Breaker,
        metrics: CloudMetrics,
        health: Health,
        stop: Stop,
        watched: Watched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._source = source
        self._forwarder = forwarder
        self._producer = producer
        self._breaker = breaker
        self._is_broken = False
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._watched = watched
        self._clock = clock
        self._heartbeats = HeartbeatSender(producer, self._heartbeat_record, clock)
        self._probe = KafkaProbe(
            settings.name,
            producer,
            self._heartbeats,
            stopped=lambda: stop.requested,
            idle=self._idle,
            judged_later=forwarder.judges,
            not_ready=self._not_ready,
            clock=clock,
        )
        self._probed = False
        self._throttled = False
        self._reconnect = Reconnect(
            settings.name, settings.backoff_base_s, settings.backoff_cap_s, metrics, clock=clock
        )
        self._canaries: list[Record] = []
        self._reported: str | None = None

    def run(self) -> None:
        """Work until the stop is requested."""
        self._not_ready("starting")
        try:
            while not self._stop.requested:
                self._once()
        finally:
            self._not_ready("stopped")
            self._source.close()
            if self._stop.requested and self._heartbeats.state != "stopping":
                self._heartbeats.state = "stopping"
                self._heartbeats.send()
            self._producer.flush(_LAST_HEARTBEAT_S)

    def _once(self) -> None:
        if self._pauses() or not self._probe_kafka():
            return
        in_flight = InFlight()
        try:
            self._source.open(singly=self._breaker.opening(self._clock()))
            self._opened()
            self._leave(in_flight, self._consume(in_flight))
        except SourceError as error:
            self._lost(error, in_flight)
        finally:
            self._ended()

    # 1. Kafka is probed

    def _heartbeat_record(self, state: State, in_flight: int) -> Record:
        place = self._settings
        return heartbeat_record(
            place.notifications,
            cloud=place.name,
            instance=place.instance,
            state=state,
            metrics=self._metrics,
            in_flight=in_flight,
        )

    def _probe_kafka(self) -> bool:
        """Return whether Kafka is probed; it stays so while nothing is taken and it confirms heartbeats."""
        if not self._probed or self._heartbeats.error is not None or self._heartbeats.waiting_s > SLOW_S:
            self._probed = self._probe.probe(self._canaries)
        if self._probed:
            self._canaries = []
        return self._probed

    # 2. to 4. Messages are taken, handed to Kafka, and acknowledged

    def _opened(self) -> None:
        self._heartbeats.state = "running"
        self._probed, self._throttled = False, False
        self._reconnect.opened()
        self._ready()
        log.info("bridge.consuming", cloud=self._settings.name, queue=self._source.queue)

    def _ended(self) -> None:
        self._note_breaker()
        self._reconnect.closed()
        self._metrics.in_flight.set(0)
        self._metrics.in_flight_bytes.set(0)

    def _consume(self, in_flight: InFlight) -> Ending:
        """Take messages until there is a reason to take no more: return it."""
        hold_s = self._settings.hold_s
        while not self._stop.requested:
            age_s = self._round(in_flight)
            if age_s > (min(SLOW_S, hold_s) if in_flight.bytes > _FULL_BYTES else hold_s):
                return "kafka-away"
            if self._breaker.is_open:
                return "unreadable"
            if self._breaker.recovers(self._clock()):
                return "recovered"
            self._report(in_flight, age_s)
        return "stop"

    def _leave(self, in_flight: InFlight, ending: Ending) -> None:
        """Leave the queue, by what is the reason for it."""
        if ending == "kafka-away":
            self._requeue(in_flight, _KAFKA_AWAY)
        elif ending == "stop" or not self._stand_back(in_flight, cancel=ending == "recovered"):
            self._drain(in_flight)

    def _round(self, in_flight: InFlight) -> float:
        """Take what has come, settle what Kafka confirmed, acknowledge it; return the oldest message's age."""
        self._watched.round_ended()
        # What brings more is waited for: messages, or Kafka's reports of those that are to be acknowledged first.
        for_kafka = in_flight.unsettled >= self._source.saturated_at
        wait_s = 0.0 if for_kafka or in_flight.waiting else _BUSY_S if in_flight.unsettled else _IDLE_S
        deliveries = [*in_flight.take_waiting(), *self._source.receive(wait_s)]
        now_s, began_s = self._clock(), time.thread_time()
        if for_kafka and not deliveries:
            self._producer.poll(_BUSY_S)
        taken = self._forwarder.take(in_flight, deliveries, now_s) if deliveries else 0
        self._producer.poll()
        age_s = in_flight.head_age_s(now_s)
        self._forwarder.settle(in_flight, now_s)
        self._acknowledge(in_flight, age_s)
        self._bound(in_flight)
        self._cool_down(time.thread_time() - began_s, taken)
        return in_flight.head_age_s(now_s)

    def _cool_down(self, spent_s: float, taken: int) -> None:
        pause_s = cooldown_s(spent_s, taken)
        if pause_s:
            self._stop.wait(pause_s)

    def _bound(self, in_flight: InFlight) -> None:
        """Keep the memory bounded: hardly more is read while there is too much of it in flight."""
        throttled = in_flight.bytes > (_MAX_BYTES // 2 if self._throttled else _MAX_BYTES)
        if throttled != self._throttled:
            self._throttled = throttled
            self._source.throttle(on=throttled)

    def _acknowledge(self, in_flight: InFlight, head_age_s: float) -> None:
        prefix = in_flight.take_prefix()
        if prefix:
            self._source.ack(prefix, multiple=True)
            self._metrics.latency.observe(head_age_s)
        elif head_age_s > _STUCK_S:
            for tag in in_flight.take_singles():
                self._source.ack(tag, multiple=False)

    def _report(self, in_flight: InFlight, age_s: float) -> None:
        self._metrics.in_flight.set(in_flight.unsettled)
        self._metrics.in_flight_bytes.set(in_flight.bytes)
        self._reconnect.troubled(self._source.trouble)
        self._heartbeats.send_if_due(in_flight.unsettled)
        if self._heartbeats.delivered:
            self._forwarder.note_heartbeat(in_flight)
        elif self._heartbeats.error is not None:
            self._forwarder.emit(self._heartbeats.error, self._clock())
        if self._heartbeats.error is not None or max(age_s, self._heartbeats.waiting_s) > SLOW_S:
            why = self._kafka_error() or self._producer.trouble or "no answer"
            self._not_ready(f"Kafka does not confirm what it was sent: {why}")
        elif self._source.trouble:
            self._not_ready(self._source.trouble)
        else:
            self._ready()

    def _kafka_error(self) -> KafkaCallError | None:
        """Return what is wrong with Kafka now; what we dropped ourselves with a producer is no word of Kafka's."""
        for error in (self._producer.refusal, self._heartbeats.error, self._forwarder.error):
            if error is not None and error.name not in PURGED:
                return error
        return None

    # 5. Kafka is away

    def _requeue(self, in_flight: InFlight, why: str) -> None:
        """Acknowledge what is confirmed, drop the rest from the producer, and requeue it by closing the channel."""
        self._report_health(why)
        self._heartbeats.state = "resuming"
        self._producer.purge()
        self._forwarder.settle_confirmed(in_flight)
        self._canaries = self._forwarder.canaries(in_flight)
        self._acknowledge_all(in_flight)
        requeued, held_s = in_flight.unsettled + in_flight.waiting, round(in_flight.head_age_s(self._clock()), 1)
        self._source.release()
        self._metrics.requeued.inc(requeued)
        if requeued:
            log.warning("bridge.requeued", cloud=self._settings.name, messages=requeued, held_s=held_s)

    def _acknowledge_all(self, in_flight: InFlight) -> None:
        self._acknowledge(in_flight, 0.0)
        for tag in in_flight.take_singles():
            self._source.ack(tag, multiple=False)

    # 6. Too many messages can't be read, or can be read again

    def _pauses(self) -> bool:
        """Wait a little if the breaker is open; return whether it is."""
        left_s = self._breaker.pause_left_s(self._clock())
        if left_s > 0:
            self._not_ready(self._breaker.why)
            self._idle(min(_IDLE_S, left_s))
        return left_s > 0

    def _stand_back(self, in_flight: InFlight, *, cancel: bool) -> bool:
        """Requeue what was not taken, once Kafka has confirmed what was; return whether there was time for it.

        Args:
            in_flight: what is in flight.
            cancel: ask for no more first, so that nothing has to be requeued.
        """
        self._note_breaker()
        if cancel:
            self._source.cancel()
        until_s = self._clock() + self._settings.hold_s
        while in_flight.pending or (cancel and not self._source.cancelled):
            if self._stop.requested:
                return False
            if self._clock() >= until_s:
                break
            self._round(in_flight)
        self._requeue(in_flight, self._breaker.why)
        return True

    def _note_breaker(self) -> None:
        """Log that the breaker has opened or closed, once."""
        is_broken = bool(self._breaker.why)
        if is_broken == self._is_broken:
            return
        self._is_broken = is_broken
        self._metrics.breaker_open.set(is_broken)
        if is_broken:
            self._not_ready(self._breaker.why)
            log.error("bridge.breaker_open", cloud=self._settings.name, why=self._breaker.why)
        else:
            log.info("bridge.breaker_closed", cloud=self._settings.name)

    # The source is away

    def _lost(self, error: SourceError, in_flight: InFlight) -> None:
        if self._heartbeats.state != "starting":
            self._heartbeats.state = "resuming"
        self._not_ready(str(error))
        if in_flight.unsettled:
            self._drop(in_flight)
        pause_s = self._reconnect.lost(error)
        until_s = self._clock() + pause_s
        while (left_s := until_s - self._clock()) > 0 and not self._stop.requested:
            self._idle(min(_IDLE_S, left_s))

    def _drop(self, in_flight: InFlight) -> None:
        """Drop from the producer what comes again: else each loss of RabbitMQ would leave more records in it."""
        self._producer.flush(_LAST_REPORTS_S)
        self._forwarder.settle_confirmed(in_flight)
        if in_flight.pending:
            self._producer.purge()
            self._forwarder.settle_confirmed(in_flight)
            self._canaries = self._forwarder.canaries(in_flight)

    def _idle(self, seconds: float) -> None:
        """Wait while nothing is consumed: the connection is kept alive, and heartbeats go out."""
        self._watched.round_ended()
        self._producer.poll()
        self._heartbeats.send_if_due()
        try:
            self._source.serve(seconds)
        except SourceError as error:
            log.warning("bridge.connection_lost", cloud=self._settings.name, why=str(error))

    # Stopping

    def _drain(self, in_flight: InFlight) -> None:
        """Take no more, wait for Kafka's reports of what is in flight, and acknowledge it.

        To cancel means to read all messages on their way, up to a whole prefetch. So with too many bytes in flight the
        source is not cancelled: unread messages are requeued when the connection is closed.
        """
        until_s = self._clock() + max(_CLOSING_S, self._settings.shutdown_s - _CLOSING_S)
        self._not_ready("stopping")
        self._heartbeats.state = "stopping"
        asked = False
        while self._clock() < until_s:
            if not asked and not self._throttled:
                asked = True
                self._source.cancel()
            if self._source.cancelled and not in_flight.pending and not in_flight.waiting:
                break
            self._round(in_flight)
        self._acknowledge_all(in_flight)
        self._heartbeats.send(in_flight.unsettled)
        log.info("bridge.drained", cloud=self._settings.name, requeued=in_flight.unsettled + in_flight.waiting)

    # Readiness

    def _ready(self) -> None:
        self._report_health(self._breaker.why)

    def _not_ready(self, why: str) -> None:
        self._report_health(why)

    def _report_health(self, why: str) -> None:
        if self._reported != why:
            self._reported = why
            self._health.set(f"cloud:{self._settings.name}", not why, why)
