"""A producer and a source that do what a script says, and a clock that only they move."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from bridge.source.api import Delivery, SourceError


class FakeProducer:
    """Takes records; says of each what the script says: ``(topic, attempt) -> error name or ""``; ``"?"``: nothing."""

    def __init__(self, script: Callable[[str, int], str], sent_by_all: list[str]) -> None:
        self.script = script
        self.sent: list[str] = []
        self.values: list[bytes] = []
        self.sent_by_all = sent_by_all
        self.waiting: list[tuple[Any, KafkaError | None]] = []
        self.undecided: list[Any] = []
        self.mute = False
        self.fatal = False
        self.polled: list[float] = []

    def produce(self, topic: str, value: bytes, _key: bytes, *, on_delivery: Any, headers: Any) -> None:
        del headers
        said = self.script(topic, self.sent_by_all.count(topic))
        self.sent.append(topic)
        self.values.append(value)
        self.sent_by_all.append(topic)
        error = KafkaError(getattr(KafkaError, said.lstrip("!"))) if said not in {"", "?"} else None
        if said.startswith("!"):
            raise KafkaException(error)
        if said == "?":
            self.undecided.append(on_delivery)
        else:
            self.waiting.append((on_delivery, error))

    def poll(self, timeout_s: float) -> int:
        self.polled.append(timeout_s)
        if self.fatal:
            self.fatal = False
            raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no", fatal=True))
        waiting, self.waiting = self.waiting, []
        for report, error in waiting:
            report(error, None)
        return 0

    def flush(self, _timeout: float) -> int:
        return self.poll(0)

    def purge(self) -> None:
        """What is decided keeps its report; nothing comes of the rest from a producer that is ``mute``."""
        dropped, self.undecided = self.undecided, []
        if not self.mute:
            self.waiting += [(report, KafkaError(KafkaError._PURGE_QUEUE)) for report in dropped]


class Clock:
    """Moves when a fake waits."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class FakeSource:
    """A queue in which a message lies at each look, or none.

    ``opening`` is raised by each attempt to open it, ``lost`` once, by the next look.
    """

    queue = "queue"
    trouble = ""
    saturated_at = 500

    def __init__(self, clock: Clock, tick: Callable[[], None]) -> None:
        self.clock = clock
        self.tick = tick
        self.body = b""
        self.opening: SourceError | None = None
        self.lost: SourceError | None = None
        self.acked: list[tuple[int, bool]] = []
        self.released = 0
        self.cancelled = False
        self.answers_cancel = True
        self.throttled = False
        self.trickles = True
        self.taken = 0
        self.singly = False
        self._tag = 0

    def open(self, *, singly: bool = False) -> None:
        self.singly = singly
        self._tag = 0
        if self.opening is not None:
            raise self.opening

    def receive(self, timeout_s: float) -> Sequence[Delivery]:
        self.serve(max(timeout_s, 0.1))
        if self.lost is not None:
            lost, self.lost = self.lost, None
            raise lost
        if not self.body or self.cancelled or (self.throttled and not self.trickles):
            return ()
        self._tag += 1
        self.taken += 1
        return [Delivery(self._tag, self.body, b"")]

    def serve(self, timeout_s: float) -> None:
        self.clock.now += timeout_s
        self.tick()

    def throttle(self, *, on: bool) -> None:
        self.throttled = on

    def ack(self, tag: int, *, multiple: bool) -> None:
        self.acked.append((tag, multiple))

    def cancel(self) -> None:
        self.throttle(on=False)
        self.cancelled = self.answers_cancel

    def release(self) -> None:
        self.released += 1

    def close(self) -> None:
        pass

    def properties(self, raw: bytes) -> dict[str, Any]:
        del raw
        return {}
