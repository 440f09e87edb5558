"""Waits until Kafka is proved: it has confirmed a record of ours, not merely answered a question.

A broker can answer for its metadata and still refuse or time out on every record. To open the queue on such an answer
would give back all messages again after `hold`, and each time counts against a quorum queue's delivery limit.
"""

import time
from collections.abc import Callable
from typing import Final

from bridge.outlet import Outlet, Proof
from bridge.signs import Record
from precache.service.backoff import backoff_s
from precache.service.kafka.errors import KafkaFatal, KafkaFault, KafkaFenced
from precache.service.logs import log

# A Kafka that confirms nothing for so long is said to be away.
SLOW_S: Final = 10.0
_BASE_S: Final = 1.0
_CAP_S: Final = 30.0
_STEP_S: Final = 0.2
_SAY_EVERY_S: Final = 60.0


class KafkaGate:
    """Proves Kafka for one cloud.

    Args:
        cloud: its name.
        outlet: the way to Kafka.
        stopped: whether to give up.
        idle: waits for so many seconds, with whatever has to go on meanwhile.
        not_ready: told why Kafka is not proved yet.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        cloud: str,
        outlet: Outlet,
        *,
        stopped: Callable[[], bool],
        idle: Callable[[float], None],
        not_ready: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._outlet = outlet
        self._stopped = stopped
        self._idle = idle
        self._not_ready = not_ready
        self._clock = clock
        self._said_at = float("-inf")
        self._said = ""

    def prove(self, records: Callable[[], list[Record]]) -> bool:
        """Send these records until Kafka has confirmed them all; return whether it did before the stop."""
        attempt = 0
        self._said_at = float("-inf")
        while not self._stopped():
            proof = self._outlet.prove(records())
            self._await(proof)
            if proof.delivered:
                if self._said_at > 0:
                    log.info("bridge.kafka_proved", cloud=self._cloud)
                return True
            fault = self._outlet.void or proof.fault
            if fault is not None:
                self._say(fault)
                self._wait(backoff_s(attempt, base_s=_BASE_S, cap_s=_CAP_S))
                attempt += 1
            if isinstance(fault, KafkaFenced | KafkaFatal):
                self._outlet.rebuild()
        return False

    def _await(self, proof: Proof) -> None:
        began_s = self._clock()
        while proof.waiting and self._outlet.void is None and not self._stopped():
            self._idle(_STEP_S)
            refusal = self._outlet.refusal
            if refusal is not None or self._clock() - began_s > SLOW_S:
                self._say(refusal)

    def _wait(self, seconds: float) -> None:
        until_s = self._clock() + seconds
        while self._clock() < until_s and not self._stopped():
            self._idle(_STEP_S)

    def _say(self, fault: KafkaFault | None) -> None:
        why = f"Kafka does not take records: {fault or 'no answer'}"
        self._not_ready(why)
        code = fault.name if fault is not None else ""
        if code != self._said or self._clock() - self._said_at >= _SAY_EVERY_S:
            self._said, self._said_at = code, self._clock()
            say = log.error if fault is not None and fault.loud else log.warning
            say("bridge.kafka_unproved", cloud=self._cloud, why=why)
