"""Waits until Kafka is proved: it has confirmed a record of ours, not merely answered a question.

A broker can answer for its metadata and still refuse or time out on every record. To open the queue on such an answer
would give back all messages again after `hold`, and each time counts against a quorum queue's delivery limit.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from bridge.delivery.heartbeat import Pulse
from bridge.delivery.heartbeat_record import Record
from bridge.delivery.producer import Outlet, Proof
from precache.kafka.errors import KafkaFatal, KafkaFault, KafkaFenced
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log

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
        pulse: the signs of life.
        stopped: whether to give up.
        idle: waits for so many seconds, with whatever has to go on meanwhile.
        judged_later: of which records a refusal for good counts as an answer, too.
        not_ready: told why Kafka is not proved yet.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        cloud: str,
        outlet: Outlet,
        pulse: Pulse,
        *,
        stopped: Callable[[], bool],
        idle: Callable[[float], None],
        judged_later: Callable[[Record], bool],
        not_ready: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._outlet = outlet
        self._pulse = pulse
        self._stopped = stopped
        self._idle = idle
        self._judged_later = judged_later
        self._not_ready = not_ready
        self._clock = clock
        self._said_at = float("-inf")
        self._said = ""

    def prove(self, canaries: Sequence[Record]) -> bool:
        """Send a sign of life and these records until Kafka has taken them; return whether it did before the stop.

        Each is sent again only while it was not taken: what is away for long must not fill what is there.
        """
        attempt, owed = 0, list(canaries)
        self._said_at = float("-inf")
        self._pulse.send()
        while not self._stopped():
            proof = self._outlet.prove_by(owed, self._judged_later)
            self._await(proof)
            owed = proof.owed
            if not owed and self._pulse.delivered:
                if self._said_at > 0:
                    log.info("bridge.kafka_proved", cloud=self._cloud)
                return True
            self._see_to([self._outlet.void, self._pulse.fault, proof.fault], attempt)
            attempt += 1
            if not self._pulse.delivered and not self._pulse.waiting and not self._stopped():
                self._pulse.send()
        return False

    def _await(self, proof: Proof) -> None:
        began_s = self._clock()
        while (proof.waiting or self._pulse.waiting) and self._outlet.void is None and not self._stopped():
            self._idle(_STEP_S)
            refusal = self._outlet.refusal
            if refusal is not None or self._clock() - began_s > SLOW_S:
                self._say(refusal)
            elif self._outlet.trouble:
                self._not_ready(self._why(None))

    def _see_to(self, all_faults: Sequence[KafkaFault | None], attempt: int) -> None:
        """Say what is wrong, wait, and replace a producer that can do nothing more."""
        faults = [fault for fault in all_faults if fault is not None]
        if faults:
            self._say(faults[0])
            self._wait(backoff_s(attempt, base_s=_BASE_S, cap_s=_CAP_S))
        if self._outlet.void is not None or any(isinstance(fault, KafkaFenced | KafkaFatal) for fault in faults):
            self._outlet.rebuild()

    def _wait(self, seconds: float) -> None:
        until_s = self._clock() + seconds
        while self._clock() < until_s and not self._stopped():
            self._idle(_STEP_S)

    def _say(self, fault: KafkaFault | None) -> None:
        why = self._why(fault)
        self._not_ready(why)
        code = fault.name if fault is not None else ""
        if code != self._said or self._clock() - self._said_at >= _SAY_EVERY_S:
            self._said, self._said_at = code, self._clock()
            say = log.error if fault is not None and fault.loud else log.warning
            say("bridge.kafka_unproved", cloud=self._cloud, why=why)

    def _why(self, fault: KafkaFault | None) -> str:
        return f"Kafka does not take records: {fault or self._outlet.trouble or 'no answer'}"
