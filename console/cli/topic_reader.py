"""Reads topics for a person: without a group, committing nothing, so that it disturbs nobody."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from console.cli.configs import KafkaSettings
from precache.kafka import clients
from precache.kafka.errors import KafkaCallError, KafkaRetry, translate
from precache.runtime.deadline import Deadline

# How long the first connection may take; a broker that restarts is back in that time.
CONNECT_S: Final = 12.0
_ATTEMPT_S: Final = 3.0
_PAUSE_S: Final = 0.2
_PROBE_EVERY_S: Final = 5.0
_BATCH: Final = 1_000
_FIRST_STEP: Final = 2_000
_STEP_GROWS: Final = 4
# A broker that has just started may not know its topics yet.
_RETURN_S: Final = 30.0
_NO_TOPIC: Final = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"})

# There is no group: what a broker says about groups is not for us.
_OF_GROUPS: Final = frozenset({"GROUP_AUTHORIZATION_FAILED"})


class CannotReadError(Exception):
    """Kafka can't be reached or refuses. The text says which, and what to do."""


class Span(NamedTuple):
    """What a partition holds: its first offset, and the one after its last that is committed."""

    partition: int
    low: int
    high: int


def backwards(span: Span) -> Iterator[Span]:
    """Yield the parts of a span, the last one first: what is looked for is recent as a rule."""
    high, step = span.high, _FIRST_STEP
    while high > span.low:
        low = max(span.low, high - step)
        yield span._replace(low=low, high=high)
        high, step = low, step * _STEP_GROWS


class TopicReader:
    """A consumer whose partitions are assigned by hand; reads what transactions have committed.

    Args:
        settings: how to reach Kafka.
        client_id: its name in logs, here and on the broker.
        emit: reports outages to a person.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, emit: Callable[[str], None]) -> None:
        self._servers = settings.kafka.servers
        self._say = emit
        self._refused = ""
        self._away = False
        self._gone: tuple[str, Deadline] | None = None
        self._probe_at = 0.0
        self._topic = ""
        self._waiting: set[tuple[str, int]] = set()
        self._consumer = clients.reader(
            settings.kafka,
            client_id,
            # Nothing is lost by a jump here: there is no place that must be gone on from.
            **{"auto.offset.reset": "earliest", "error_cb": self._on_error},
        )

    @property
    def is_away(self) -> bool:
        """Whether Kafka is out of reach."""
        return self._away

    def spans(self, topic: str, deadline: Deadline) -> list[Span]:
        """Return what each partition of a topic holds.

        Raises:
            CannotReadError: no answer by the deadline, no permission, or no such topic.
        """
        found = self._attempt(lambda left: self._consumer.list_topics(topic, timeout=left), deadline).topics[topic]
        if found.error is not None:
            raise CannotReadError(self._why(translate(found.error), topic))
        return [self._span(topic, partition, deadline) for partition in sorted(found.partitions)]

    def since(self, topic: str, spans: list[Span], at_ms: int, deadline: Deadline) -> list[Span]:
        """Return the spans without what was written before a time (milliseconds since the epoch).

        Raises:
            CannotReadError: no answer by the deadline.
        """
        asked = [TopicPartition(topic, span.partition, at_ms) for span in spans]
        found = self._attempt(lambda left: self._consumer.offsets_for_times(asked, timeout=left), deadline)
        first = {place.partition: place.offset for place in found}
        # A negative offset says that nothing was written since.
        return [span._replace(low=first[span.partition] if first[span.partition] >= 0 else span.high) for span in spans]

    def start(self, places: list[TopicPartition]) -> None:
        """Read from these places on."""
        self._topic = places[0].topic if places else ""
        self._waiting = {(place.topic, place.partition) for place in places}
        self._consumer.assign(places)

    def read(self, places: list[TopicPartition], quiet_s: float) -> Iterator[Message]:
        """Yield the records from these places to the end.

        Raises:
            CannotReadError: Kafka refuses, a topic is gone, or nothing came for ``quiet_s`` seconds.
        """
        self.start(places)
        quiet = Deadline.after(quiet_s)
        while not self.at_the_end:
            messages = self.poll(min(_PAUSE_S, quiet_s))
            yield from messages
            if messages:
                quiet = Deadline.after(quiet_s)
            elif quiet.passed:
                raise CannotReadError(f"Kafka sent nothing for {quiet_s:g} s, before the end was reached: try again")

    def read_span(self, topic: str, span: Span, quiet_s: float) -> Iterator[Message]:
        """Yield the records of a span of a topic.

        Raises:
            CannotReadError: as :meth:`read`.
        """
        if span.low >= span.high:
            return
        for message in self.read([TopicPartition(topic, span.partition, span.low)], quiet_s):
            offset = message.offset() or 0
            if offset < span.high:
                yield message
            if offset >= span.high - 1:
                return

    @property
    def at_the_end(self) -> bool:
        """Whether each partition has been read to the end that it had at some moment since :meth:`start`."""
        return not self._waiting

    def poll(self, timeout_s: float) -> list[Message]:
        """Return the records that came, after at most that many seconds.

        Raises:
            CannotReadError: Kafka refuses, or a topic is gone.
        """
        first = self._consumer.poll(timeout_s)
        messages = [] if first is None else [first, *self._consumer.consume(_BATCH, 0)]
        if self._refused:
            raise CannotReadError(self._refused)
        if self._away or self._gone is not None:
            self._probe()
        return [message for message in messages if not self._is_error(message)]

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

    def _span(self, topic: str, partition: int, deadline: Deadline) -> Span:
        place = TopicPartition(topic, partition)
        low, high = self._attempt(lambda left: self._consumer.get_watermark_offsets(place, timeout=left), deadline)
        return Span(partition, low, high)

    def _attempt(self, ask: Callable[[float], Any], deadline: Deadline) -> Any:
        """Ask until there is an answer or the time is up."""
        while True:
            try:
                return ask(min(_ATTEMPT_S, max(0.1, deadline.left())))
            except KafkaException as error:
                self._consumer.poll(0)  # the callbacks say more than the exception does
                problem = translate(error)
                if problem.actionable:
                    raise CannotReadError(self._why(problem)) from error
                if self._refused:
                    raise CannotReadError(self._refused) from error
                if deadline.passed:
                    raise CannotReadError(
                        f"Kafka at {self._servers} cannot be reached in time ({problem.text}). Check "
                        "address and network, and that the broker advertises an address that is reachable from here"
                    ) from error
                time.sleep(_PAUSE_S)

    def _is_error(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        topic = message.topic() or ""
        if clients.is_end(message):
            self._waiting.discard((topic, message.partition() or 0))
            return True
        problem = translate(error)
        if problem.name in _NO_TOPIC:
            self._gone = self._gone or (topic, Deadline.after(_RETURN_S))
        elif problem.actionable and problem.name not in _OF_GROUPS:
            raise CannotReadError(self._why(problem, topic))
        elif not isinstance(problem, KafkaRetry):
            self._say(f"warning: Kafka: {problem}; still reading")
        return True

    def _on_error(self, error: KafkaError) -> None:
        problem = translate(error)
        if problem.actionable and problem.name not in _OF_GROUPS:
            self._refused = self._why(problem)
        elif problem.name == "_ALL_BROKERS_DOWN" and not self._away:
            self._away = True
            self._say(f"warning: Kafka at {self._servers} cannot be reached; trying again")

    def _probe(self) -> None:
        """Ask whether Kafka is back, and the topic: on a quiet topic nothing else would show it.

        Raises:
            CannotReadError: Kafka answers, but the topic has been gone for too long.
        """
        now = time.monotonic()
        topic, return_by = self._gone or (self._topic, None)
        if now < self._probe_at or not topic:
            return
        self._probe_at = now + _PROBE_EVERY_S
        try:
            found = self._consumer.list_topics(topic, timeout=1.0).topics[topic]
        except KafkaException:
            return
        if self._away:
            self._away = False
            self._say("Kafka answers again")
        if found.error is None:
            self._gone = None
        elif return_by is not None and return_by.passed:
            raise CannotReadError(self._why(translate(found.error), topic))

    def _why(self, error: KafkaCallError, topic: str = "") -> str:
        place = f"Kafka at {self._servers}" + (f", topic {topic}" if topic else "")
        return f"{place}: {error.text} ({error.name})"
