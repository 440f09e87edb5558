"""One cloud's bridge: from its queue to Kafka, in a thread of its own, with a source and a producer of its own.

The order that keeps the promise:

1. Kafka is proved by a delivered sign of life (and by records that it owes us from before).
2. Only then the source is opened, and messages are taken.
3. Each is handed to Kafka; it stays in the flight until Kafka's own report.
4. What Kafka confirmed is acknowledged to RabbitMQ, on the channel that it came from.
5. When Kafka has not confirmed the oldest message for `hold`: what is confirmed is acknowledged, the producer is
   purged, the channel is closed (so all others are given back, once), and it begins again at 1.
6. When too many messages can't be read, the breaker opens: what was sent is waited for and acknowledged, the rest is
   given back likewise, and after a pause one message at a time is tried.

Killed at any point, what is not acknowledged comes again: a notification may be in Kafka twice, never not at all.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bridge.delivery.breaker import Breaker
from bridge.delivery.forwarder import Forwarder
from bridge.delivery.heartbeat import Pulse
from bridge.delivery.heartbeat_record import Record, sign_of_life
from bridge.delivery.in_flight import Flight
from bridge.delivery.probe import SLOW_S, KafkaGate
from bridge.delivery.producer import PURGED, Outlet
from bridge.metrics import CloudMetrics
from bridge.pace import rest_s
from bridge.reconnect import Losses
from bridge.source.api import Source, SourceFault
from precache.contract.heartbeat import State
from precache.kafka.errors import KafkaFault
from precache.runtime.health import Health
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched

# How long to wait for messages when Kafka owes no report; and when it does: an acknowledgement may be late by so much.
_IDLE_S: Final = 0.2
_BUSY_S: Final = 0.02
# A head of the line that waits for longer does not hold up the acknowledgements behind it.
_STUCK_S: Final = 1.0
# Left of `shutdown_timeout` for closing; and of that, for the last sign of life.
_CLOSING_S: Final = 3.0
_LAST_SIGN_S: Final = 1.0
# When RabbitMQ is lost: how long to wait for reports that are on their way. What Kafka still owes then, it must confirm
# before the queue is opened again: else each further loss would return the messages once more.
_LAST_REPORTS_S: Final = 1.0
# Bodies in flight, whatever the prefetch: librdkafka holds the records made of them as well.
_MAX_BYTES: Final = 32 * 1024 * 1024
# A little more comes all the same, or RabbitMQ would drop the connection; with so much, Kafka is waited for no longer.
_FULL_BYTES: Final = 48 * 1024 * 1024

_KAFKA_AWAY: Final = "Kafka is away: what it had not confirmed was given back to the queue"
# Why no more is taken from a source that is open.
Ending = Literal["stop", "kafka-away", "unreadable", "recovered"]


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """What a worker has to know of its cloud.

    Attributes:
        name: the cloud's.
        instance: this bridge's, for its signs of life.
        notifications: the topic for signs of life.
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
    """See the module. ``run`` returns when the stop is requested and all is settled, or its time is over."""

    def __init__(
        self,
        *,
        settings: CloudSettings,
        source: Source,
        forwarder: Forwarder,
        outlet: Outlet,
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
        self._outlet = outlet
        self._breaker = breaker
        self._is_broken = False
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._watched = watched
        self._clock = clock
        self._pulse = Pulse(outlet, self._sign_of_life, clock)
        self._gate = KafkaGate(
            settings.name,
            outlet,
            self._pulse,
            stopped=lambda: stop.requested,
            idle=self._idle,
            judged_later=forwarder.judges,
            not_ready=self._not_ready,
            clock=clock,
        )
        self._proved = False
        self._throttled = False
        self._losses = Losses(settings.name, settings.backoff_base_s, settings.backoff_cap_s, metrics, clock=clock)
        self._canaries: list[Record] = []
        self._said: str | None = None

    def run(self) -> None:
        """Work until the stop is requested."""
        self._not_ready("starting")
        try:
            while not self._stop.requested:
                self._once()
        finally:
            self._not_ready("stopped")
            self._source.close()
            if self._stop.requested and self._pulse.state != "stopping":
                self._pulse.state = "stopping"
                self._pulse.send()
            self._outlet.flush(_LAST_SIGN_S)

    def _once(self) -> None:
        if self._pauses() or not self._prove():
            return
        flight = Flight()
        try:
            self._source.open(singly=self._breaker.opening(self._clock()))
            self._opened()
            self._leave(flight, self._consume(flight))
        except SourceFault as fault:
            self._lost(fault, flight)
        finally:
            self._ended()

    # 1. Kafka is proved

    def _sign_of_life(self, state: State, in_flight: int) -> Record:
        place = self._settings
        return sign_of_life(
            place.notifications,
            cloud=place.name,
            instance=place.instance,
            state=state,
            metrics=self._metrics,
            in_flight=in_flight,
        )

    def _prove(self) -> bool:
        """Return whether Kafka is proved; it stays so while nothing is taken and it confirms signs of life."""
        if not self._proved or self._pulse.fault is not None or self._pulse.waiting_s > SLOW_S:
            self._proved = self._gate.prove(self._canaries)
        if self._proved:
            self._canaries = []
        return self._proved

    # 2. to 4. Messages are taken, handed to Kafka, and acknowledged

    def _opened(self) -> None:
        self._pulse.state = "running"
        self._proved, self._throttled = False, False
        self._losses.opened()
        self._ready()
        log.info("bridge.consuming", cloud=self._settings.name, queue=self._source.queue)

    def _ended(self) -> None:
        self._note_breaker()
        self._losses.closed()
        self._metrics.in_flight.set(0)
        self._metrics.in_flight_bytes.set(0)

    def _consume(self, flight: Flight) -> Ending:
        """Take messages until there is a reason to take no more: return it."""
        hold_s = self._settings.hold_s
        while not self._stop.requested:
            age_s = self._round(flight)
            if age_s > (min(SLOW_S, hold_s) if flight.bytes > _FULL_BYTES else hold_s):
                return "kafka-away"
            if self._breaker.is_open:
                return "unreadable"
            if self._breaker.recovers(self._clock()):
                return "recovered"
            self._tell(flight, age_s)
        return "stop"

    def _leave(self, flight: Flight, ending: Ending) -> None:
        """Leave the queue, by what is the reason for it."""
        if ending == "kafka-away":
            self._give_back(flight, _KAFKA_AWAY)
        elif ending == "stop" or not self._stand_back(flight, cancel=ending == "recovered"):
            self._drain(flight)

    def _round(self, flight: Flight) -> float:
        """Take what has come, settle what Kafka confirmed, acknowledge it; return the oldest message's age."""
        self._watched.turn()
        # What brings more is waited for: messages, or Kafka's reports of those that are to be acknowledged first.
        for_kafka = flight.unsettled >= self._source.saturated_at
        wait_s = 0.0 if for_kafka or flight.waiting else _BUSY_S if flight.unsettled else _IDLE_S
        deliveries = [*flight.take_waiting(), *self._source.receive(wait_s)]
        now_s, began_s = self._clock(), time.thread_time()
        if for_kafka and not deliveries:
            self._outlet.poll(_BUSY_S)
        taken = self._forwarder.take(flight, deliveries, now_s) if deliveries else 0
        self._outlet.poll()
        age_s = flight.head_age_s(now_s)
        self._forwarder.settle(flight, now_s)
        self._acknowledge(flight, age_s)
        self._bound(flight)
        self._rest(time.thread_time() - began_s, taken)
        return flight.head_age_s(now_s)

    def _rest(self, spent_s: float, taken: int) -> None:
        pause_s = rest_s(spent_s, taken)
        if pause_s:
            self._stop.wait(pause_s)

    def _bound(self, flight: Flight) -> None:
        """Keep the memory bounded: hardly more is read while there is too much of it in flight."""
        throttled = flight.bytes > (_MAX_BYTES // 2 if self._throttled else _MAX_BYTES)
        if throttled != self._throttled:
            self._throttled = throttled
            self._source.throttle(on=throttled)

    def _acknowledge(self, flight: Flight, head_age_s: float) -> None:
        prefix = flight.take_prefix()
        if prefix:
            self._source.ack(prefix, multiple=True)
            self._metrics.latency.observe(head_age_s)
        elif head_age_s > _STUCK_S:
            for tag in flight.take_singles():
                self._source.ack(tag, multiple=False)

    def _tell(self, flight: Flight, age_s: float) -> None:
        self._metrics.in_flight.set(flight.unsettled)
        self._metrics.in_flight_bytes.set(flight.bytes)
        self._losses.troubled(self._source.trouble)
        self._pulse.send_if_due(flight.unsettled)
        if self._pulse.delivered:
            self._forwarder.note_sign(flight)
        elif self._pulse.fault is not None:
            self._forwarder.say(self._pulse.fault, self._clock())
        if self._pulse.fault is not None or max(age_s, self._pulse.waiting_s) > SLOW_S:
            why = self._kafka_fault() or self._outlet.trouble or "no answer"
            self._not_ready(f"Kafka does not confirm what it was sent: {why}")
        elif self._source.trouble:
            self._not_ready(self._source.trouble)
        else:
            self._ready()

    def _kafka_fault(self) -> KafkaFault | None:
        """Return what is wrong with Kafka now; what we dropped ourselves with a producer is no word of Kafka's."""
        for fault in (self._outlet.refusal, self._pulse.fault, self._forwarder.fault):
            if fault is not None and fault.name not in PURGED:
                return fault
        return None

    # 5. Kafka is away

    def _give_back(self, flight: Flight, why: str) -> None:
        """Acknowledge what is confirmed, drop the rest from the producer, and give it back by closing the channel."""
        self._say(why)
        self._pulse.state = "resuming"
        self._outlet.purge()
        self._forwarder.settle_confirmed(flight)
        self._canaries = self._forwarder.canaries(flight)
        self._acknowledge_all(flight)
        given_back, held_s = flight.unsettled + flight.waiting, round(flight.head_age_s(self._clock()), 1)
        self._source.release()
        self._metrics.given_back.inc(given_back)
        if given_back:
            log.warning("bridge.given_back", cloud=self._settings.name, messages=given_back, held_s=held_s)

    def _acknowledge_all(self, flight: Flight) -> None:
        self._acknowledge(flight, 0.0)
        for tag in flight.take_singles():
            self._source.ack(tag, multiple=False)

    # 6. Too many messages can't be read, or can be read again

    def _pauses(self) -> bool:
        """Wait a little if the breaker is open; return whether it is."""
        left_s = self._breaker.pause_left_s(self._clock())
        if left_s > 0:
            self._not_ready(self._breaker.why)
            self._idle(min(_IDLE_S, left_s))
        return left_s > 0

    def _stand_back(self, flight: Flight, *, cancel: bool) -> bool:
        """Give back what was not taken, once Kafka has confirmed what was; return whether there was time for it.

        Args:
            flight: what is in flight.
            cancel: ask for no more first, so that nothing has to be given back.
        """
        self._note_breaker()
        if cancel:
            self._source.cancel()
        until_s = self._clock() + self._settings.hold_s
        while flight.pending or (cancel and not self._source.cancelled):
            if self._stop.requested:
                return False
            if self._clock() >= until_s:
                break
            self._round(flight)
        self._give_back(flight, self._breaker.why)
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

    def _lost(self, fault: SourceFault, flight: Flight) -> None:
        if self._pulse.state != "starting":
            self._pulse.state = "resuming"
        self._not_ready(str(fault))
        if flight.unsettled:
            self._drop(flight)
        pause_s = self._losses.lost(fault)
        until_s = self._clock() + pause_s
        while (left_s := until_s - self._clock()) > 0 and not self._stop.requested:
            self._idle(min(_IDLE_S, left_s))

    def _drop(self, flight: Flight) -> None:
        """Drop from the producer what comes again: else each loss of RabbitMQ would leave another flight in it."""
        self._outlet.flush(_LAST_REPORTS_S)
        self._forwarder.settle_confirmed(flight)
        if flight.pending:
            self._outlet.purge()
            self._forwarder.settle_confirmed(flight)
            self._canaries = self._forwarder.canaries(flight)

    def _idle(self, seconds: float) -> None:
        """Wait while nothing is consumed: the connection is kept alive, and signs of life go out."""
        self._watched.turn()
        self._outlet.poll()
        self._pulse.send_if_due()
        try:
            self._source.serve(seconds)
        except SourceFault as fault:
            log.warning("bridge.connection_lost", cloud=self._settings.name, why=str(fault))

    # Stopping

    def _drain(self, flight: Flight) -> None:
        """Take no more, wait for Kafka's reports of what is in flight, and acknowledge it.

        To cancel means to read all that is on its way, be it a whole prefetch; so while there is too much in flight
        that is not asked for: what was not read is given back when the connection is closed.
        """
        until_s = self._clock() + max(_CLOSING_S, self._settings.shutdown_s - _CLOSING_S)
        self._not_ready("stopping")
        self._pulse.state = "stopping"
        asked = False
        while self._clock() < until_s:
            if not asked and not self._throttled:
                asked = True
                self._source.cancel()
            if self._source.cancelled and not flight.pending and not flight.waiting:
                break
            self._round(flight)
        self._acknowledge_all(flight)
        self._pulse.send(flight.unsettled)
        log.info("bridge.drained", cloud=self._settings.name, given_back=flight.unsettled + flight.waiting)

    # Readiness

    def _ready(self) -> None:
        self._say(self._breaker.why)

    def _not_ready(self, why: str) -> None:
        self._say(why)

    def _say(self, why: str) -> None:
        if self._said != why:
            self._said = why
            self._health.set(f"cloud:{self._settings.name}", not why, why)
