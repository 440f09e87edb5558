"""One cloud's bridge: from its queue to Kafka, in a thread of its own, with a source and a producer of its own.

The order that keeps the promise:

1. Kafka is proved by a delivered sign of life (and by the records that it owes us from before).
2. Only then the source is opened, and messages are taken.
3. Each is handed to Kafka; it stays in the flight until Kafka's own report.
4. What Kafka confirmed is acknowledged to RabbitMQ, on the channel that it came from.
5. When Kafka has not confirmed the oldest message for `hold`: what is confirmed is acknowledged, the producer is purged, the channel
   is closed (so all others are given back, once), and it begins again at 1.

Killed at any point, what is not acknowledged comes again: a notification may be in Kafka twice, never not at all.
"""

import time
from dataclasses import dataclass
from typing import Final

from bridge.flight import Flight
from bridge.forwarder import Forwarder
from bridge.metrics import CloudMetrics
from bridge.outlet import Outlet, Proof
from bridge.signs import Record, State, sign_of_life
from bridge.sources import Source, SourceFault, SourceWaiting
from precache.service.backoff import backoff_s
from precache.service.deadline import Deadline
from precache.service.health import Health
from precache.service.logs import log
from precache.service.shutdown import Stop

# How long to wait for messages when Kafka owes no report; and when it does.
_IDLE_S: Final = 0.2
_BUSY_S: Final = 0.005
# A head of the line that waits for longer does not hold up the acknowledgements behind it.
_STUCK_S: Final = 1.0
# A Kafka that confirms nothing for so long is said to be away.
_SLOW_S: Final = 10.0
_SIGN_EVERY_S: Final = 60.0
_WAITING_S: Final = 3.0
# Consuming for so long makes the next loss the first one again.
_STEADY_S: Final = 10.0
_CLOSING_S: Final = 3.0
# Bodies in flight, whatever the prefetch: librdkafka holds the records made of them as well.
_MAX_BYTES: Final = 32 * 1024 * 1024


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
        settings: CloudSettings,
        source: Source,
        forwarder: Forwarder,
        outlet: Outlet,
        metrics: CloudMetrics,
        health: Health,
        stop: Stop,
    ) -> None:
        self._settings = settings
        self._source = source
        self._forwarder = forwarder
        self._outlet = outlet
        self._metrics = metrics
        self._health = health
        self._stop = stop
        self._state: State = "starting"
        self._losses = 0
        self._canaries: list[Record] = []
        self._sign = Proof()
        self._signed_at = float("-inf")
        self._said: tuple[bool, str] | None = None
        self._connected_before = False

    def run(self) -> None:
        """Work until the stop is requested."""
        self._say(ready=False, why="starting")
        try:
            while not self._stop.requested:
                self._once()
        finally:
            self._metrics.consuming.set(0)
            self._say(ready=False, why="stopped")
            self._source.close()
            self._outlet.flush(_CLOSING_S)

    def _once(self) -> None:
        if not self._prove_kafka():
            return
        flight = Flight()
        try:
            self._source.open()
            self._opened()
            opened_at = time.monotonic()
            if self._consume(flight):
                self._give_back(flight)
            else:
                self._drain(flight)
        except SourceFault as fault:
            if self._metrics_off() and time.monotonic() - opened_at > _STEADY_S:
                self._losses = 0
            self._lost(fault)
        finally:
            self._metrics_off()

    def _metrics_off(self) -> bool:
        was_on = self._consuming
        self._consuming = False
        self._metrics.consuming.set(0)
        self._metrics.in_flight.set(0)
        self._metrics.in_flight_bytes.set(0)
        return was_on

    _consuming = False

    # 1. Kafka is proved

    def _prove_kafka(self) -> bool:
        """Wait until Kafka has confirmed a sign of life and the canaries; return whether it did before a stop."""
        attempt, said = 0, False
        while not self._stop.requested:
            proof = self._outlet.prove([self._sign_now(0), *self._canaries])
            began = time.monotonic()
            while proof.waiting and not self._stop.requested:
                self._idle(_IDLE_S)
                if not said and time.monotonic() - began > _SLOW_S:
                    said = self._say_unproved("no confirmation from Kafka", loud=False)
            if proof.delivered:
                self._canaries = []
                if said:
                    log.info("bridge.kafka_proved", cloud=self._settings.name)
                return True
            if proof.fault is not None:
                said = self._say_unproved(str(proof.fault), loud=proof.fault.loud) if not said else said
                attempt += 1
                self._pause(backoff_s(attempt, base_s=1.0, cap_s=30.0))
        return False

    def _say_unproved(self, why: str, *, loud: bool) -> bool:
        self._say(ready=False, why=f"Kafka takes no records: {why}")
        (log.error if loud else log.warning)("bridge.kafka_unproved", cloud=self._settings.name, why=why)
        return True

    def _sign_now(self, in_flight: int) -> Record:
        self._signed_at = time.monotonic()
        place = self._settings
        return sign_of_life(place.notifications, place.name, place.instance, self._state, self._metrics, in_flight)

    def _sign_if_due(self, now_s: float, in_flight: int) -> None:
        if now_s - self._signed_at >= _SIGN_EVERY_S and not self._sign.waiting:
            self._sign = self._outlet.prove([self._sign_now(in_flight)])

    # 2. to 4. Messages are taken, handed to Kafka, and acknowledged

    def _opened(self) -> None:
        self._state = "running"
        self._consuming = True
        self._metrics.consuming.set(1)
        self._say(ready=True, why="")
        log.info("bridge.consuming", cloud=self._settings.name, queue=self._source.queue)

    def _consume(self, flight: Flight) -> bool:
        """Take messages until the stop is requested, or Kafka has been away for too long: return whether it has."""
        source, forwarder, outlet = self._source, self._forwarder, self._outlet
        throttled = False
        while not self._stop.requested:
            deliveries = source.receive(_BUSY_S if flight.unsettled else _IDLE_S)
            now_s = time.monotonic()
            if deliveries:
                forwarder.take(flight, deliveries, now_s)
            outlet.poll()
            forwarder.settle(flight, now_s)
            age_s = flight.head_age_s(now_s)
            self._acknowledge(flight, age_s)
            if age_s > self._settings.hold_s:
                return True
            if throttled != (flight.bytes > (_MAX_BYTES // 2 if throttled else _MAX_BYTES)):
                throttled = not throttled
                source.throttle(on=throttled)
            self._look_around(flight, now_s, age_s)
        return False

    def _acknowledge(self, flight: Flight, head_age_s: float) -> None:
        prefix = flight.take_prefix()
        if prefix:
            self._source.ack(prefix, multiple=True)
            self._metrics.latency.observe(head_age_s)
        if head_age_s > _STUCK_S:
            for tag in flight.take_singles():
                self._source.ack(tag, multiple=False)

    def _look_around(self, flight: Flight, now_s: float, age_s: float) -> None:
        self._metrics.in_flight.set(flight.unsettled)
        self._metrics.in_flight_bytes.set(flight.bytes)
        self._sign_if_due(now_s, flight.unsettled)
        if age_s > _SLOW_S:
            fault = self._forwarder.fault
            self._say(ready=False, why=f"Kafka does not confirm what it was sent: {fault or 'no answer'}")
        elif self._source.trouble:
            self._say(ready=False, why=self._source.trouble)
        else:
            self._say(ready=True, why="")

    # 5. Kafka is away

    def _give_back(self, flight: Flight) -> None:
        """Acknowledge what is confirmed, drop the rest from the producer, and give it back by closing the channel."""
        self._say(ready=False, why="Kafka is away: messages were given back to the queue")
        self._state = "resuming"
        self._canaries = self._forwarder.canaries(flight)
        self._outlet.purge()
        self._forwarder_settle_only(flight)
        log.warning(
            "bridge.given_back", cloud=self._settings.name, messages=flight.unsettled, held_s=self._settings.hold_s
        )
        self._metrics.given_back.inc(flight.unsettled)
        self._source.release()

    def _forwarder_settle_only(self, flight: Flight) -> None:
        flight.failures.clear()
        flight.retries.clear()
        settled = flight.settle()
        self._metrics.forwarded(settled.forwarded)
        for reason in settled.reasons:
            self._metrics.deadlettered(reason)
        self._acknowledge(flight, _STUCK_S * 2)

    # The source is away

    def _lost(self, fault: SourceFault) -> None:
        self._state = "starting" if self._state == "starting" else "resuming"
        self._metrics.losses.inc()
        self._say(ready=False, why=str(fault))
        if isinstance(fault, SourceWaiting):
            pause_s = _WAITING_S
        else:
            pause_s = backoff_s(self._losses, base_s=self._settings.backoff_base_s, cap_s=self._settings.backoff_cap_s)
        self._losses += 1
        say = log.error if fault.loud else log.warning
        say("bridge.source_lost", cloud=self._settings.name, why=str(fault), again_in_s=round(pause_s, 1))
        self._pause(pause_s)

    def _pause(self, seconds: float) -> None:
        """Wait, with the connection kept alive and signs of life sent; a stop ends it."""
        deadline = Deadline.after(seconds)
        while not deadline.passed and not self._stop.requested:
            self._idle(min(_IDLE_S, deadline.left()))

    def _idle(self, seconds: float) -> None:
        self._outlet.poll()
        self._sign_if_due(time.monotonic(), 0)
        try:
            self._source.serve(seconds)
        except SourceFault as fault:
            log.warning("bridge.source_lost", cloud=self._settings.name, why=str(fault))

    # Stopping

    def _drain(self, flight: Flight) -> None:
        """Take no more, wait for Kafka's reports of what is in flight, and acknowledge them."""
        deadline = Deadline.after(max(0.5, self._settings.shutdown_s - _CLOSING_S))
        self._say(ready=False, why="stopping")
        self._state = "stopping"
        self._source.cancel()
        while not deadline.passed:
            deliveries = self._source.receive(_BUSY_S)
            now_s = time.monotonic()
            if deliveries:
                self._forwarder.take(flight, deliveries, now_s)
            self._outlet.poll()
            self._forwarder.settle(flight, now_s)
            self._acknowledge(flight, flight.head_age_s(now_s))
            if not flight.unsettled and self._source.cancelled:
                break
        self._sign = self._outlet.prove([self._sign_now(flight.unsettled)])
        log.info("bridge.stopped", cloud=self._settings.name, given_back=flight.unsettled)

    def _say(self, *, ready: bool, why: str) -> None:
        if self._said != (ready, why):
            self._said = (ready, why)
            self._health.set(f"cloud:{self._settings.name}", ready, why)
