"""Waits until Kafka is probed: it has confirmed a record of precache, not merely answered a question.

A broker can answer for its metadata and still refuse or time out on every record. To open the queue on such an answer
would requeue all messages again after `hold`, and each time counts against a quorum queue's delivery limit.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from bridge.delivery.heartbeat import HeartbeatSender
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.producer import CloudProducer, ProbeResult
from precache.kafka.errors import KafkaCallError, KafkaFatal, KafkaFenced
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from precache.runtime.throttle import Throttle

# Kafka counts as away when it confirms nothing for this time.
SLOW_S: Final = 10.0
_BASE_S: Final = 1.0
_CAP_S: Final = 30.0
_STEP_S: Final = 0.2


class KafkaProbe:
    """Proves Kafka for one cloud.

    Args:
        cloud: its name.
        producer: the way to Kafka.
        heartbeats: the heartbeats.
        stopped: whether to give up.
        idle: waits for a number of seconds, and does what must go on meanwhile.
        judged_later: of which records a refusal for good counts as an answer, too.
        not_ready: called with why Kafka does not answer the probe.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        cloud: str,
        producer: CloudProducer,
        heartbeats: HeartbeatSender,
        *,
        stopped: Callable[[], bool],
        idle: Callable[[float], None],
        judged_later: Callable[[Record], bool],
        not_ready: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._producer = producer
        self._heartbeats = heartbeats
        self._stopped = stopped
        self._idle = idle
        self._judged_later = judged_later
        self._not_ready = not_ready
        self._clock = clock
        self._throttle = Throttle()
        self._has_logged = False

    def probe(self, canaries: Sequence[Record]) -> bool:
        """Send a heartbeat and these records until Kafka has taken them; return whether it did before the stop.

        Each is sent again only while it was not taken: what is away for long must not fill what is there.
        """
        attempt, owed = 0, list(canaries)
        self._throttle.clear()
        self._has_logged = False
        self._heartbeats.send()
        while not self._stopped():
            result = self._producer.probe_by(owed, self._judged_later)
            self._await(result)
            owed = result.owed
            if not owed and self._heartbeats.delivered:
                if self._has_logged:
                    log.info("bridge.kafka_answers", cloud=self._cloud)
                return True
            self._see_to([self._producer.fatal_error, self._heartbeats.error, result.error], attempt)
            attempt += 1
            if not self._heartbeats.delivered and not self._heartbeats.waiting and not self._stopped():
                self._heartbeats.send()
        return False

    def _await(self, result: ProbeResult) -> None:
        began_s = self._clock()
        while (
            (result.waiting or self._heartbeats.waiting) and self._producer.fatal_error is None and not self._stopped()
        ):
            self._idle(_STEP_S)
            refusal = self._producer.refusal
            if refusal is not None or self._clock() - began_s > SLOW_S:
                self._log(refusal)
            elif self._producer.trouble:
                self._not_ready(self._why(None))

    def _see_to(self, all_errors: Sequence[KafkaCallError | None], attempt: int) -> None:
        """Say what is wrong, wait, and replace a producer that can do nothing more."""
        errors = [error for error in all_errors if error is not None]
        if errors:
            self._log(errors[0])
            self._wait(backoff_s(attempt, base_s=_BASE_S, cap_s=_CAP_S))
        if self._producer.fatal_error is not None or any(
            isinstance(error, KafkaFenced | KafkaFatal) for error in errors
        ):
            self._producer.rebuild()

    def _wait(self, seconds: float) -> None:
        until_s = self._clock() + seconds
        while self._clock() < until_s and not self._stopped():
            self._idle(_STEP_S)

    def _log(self, error: KafkaCallError | None) -> None:
        why = self._why(error)
        self._not_ready(why)
        code = error.name if error is not None else ""
        if self._throttle.take(code, self._clock()) is not None:
            self._has_logged = True
            emit = log.error if error is not None and error.actionable else log.warning
            emit("bridge.kafka_probe_failed", cloud=self._cloud, why=why)

    def _why(self, error: KafkaCallError | None) -> str:
        return f"Kafka does not take records: {error or self._producer.trouble or 'no answer'}"
