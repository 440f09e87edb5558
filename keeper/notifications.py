"""What `nova.notifications` says at once: which requests Nova began, which bridges live, which hosts joined."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition
from msgspec import MsgspecError
from msgspec.json import Decoder

from precache.contract.heartbeat import Heartbeat
from precache.contract.identity import SEPARATOR
from precache.contract.nova import START, StartNotification
from precache.contract.times import NS_PER_S, parse_ns
from precache.contract.topics import BRIDGE_TYPE, NOVA_TYPE_PREFIX
from precache.kafka import clients
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaRetry, kafka_errors, translate

_START: Final = (NOVA_TYPE_PREFIX + START).encode()
_BEAT: Final = BRIDGE_TYPE.encode()
_JOINED: Final = (NOVA_TYPE_PREFIX + "aggregate.add_host.end").encode()
_BATCH: Final = 1_000
_WAIT_S: Final = 0.2
_CALL_S: Final = 10.0
# More than a keeper asks for in months.
_MOST_IDS: Final = 100_000

_decode_start: Final = Decoder(StartNotification).decode
_decode_beat: Final = Decoder(Heartbeat).decode


class NotificationLog:
    """Reads the topic from a moment on, outside of any group. For one thread.

    Args:
        kafka: the ``kafka`` block.
        client_id: its name in logs.
        topic: ``nova.notifications``.
        since_ms: from when on, in milliseconds since the epoch.
    """

    def __init__(self, kafka: KafkaBlock, client_id: str, topic: str, since_ms: int) -> None:
        self._topic = topic
        self._since_ms = since_ms
        self._consumer: Consumer = clients.reader(kafka, client_id)
        self._next: dict[int, int] = {}
        self._started: dict[str, None] = {}
        self._beats: dict[str, float] = {}
        self._safe_beats: Mapping[str, float] = {}
        self._joined: set[str] = set()

    @property
    def started(self) -> AbstractSet[str]:
        """Return the global request ids whose START was read."""
        return self._started.keys()

    @property
    def heartbeats(self) -> Mapping[str, float]:
        """Return, by cloud, when the last heartbeat of a consuming bridge was sent, in seconds since the epoch.

        Of those that were read before the last :meth:`catch_up` looked for the ends: all that Nova sent before such a
        heartbeat has been read, whatever its partition.
        """
        return self._safe_beats

    def take_joined(self) -> set[str]:
        """Return the clouds where a host joined an aggregate since this was last called."""
        joined, self._joined = self._joined, set()
        return joined

    def catch_up(self, timeout_s: float = 60.0) -> None:
        """Read all that is there now.

        Raises:
            KafkaCallError: Kafka can't be read, or not in time.
        """
        self._safe_beats = dict(self._beats)
        if not self._next:
            self._assign()
        ends = {number: self._end(number) for number in self._next}
        until = monotonic() + timeout_s
        while any(self._next[number] < end for number, end in ends.items()):
            if monotonic() > until:
                raise KafkaRetry(f"read {self._topic}", "_TIMED_OUT", f"its end was not reached in {timeout_s:g} s")
            with kafka_errors(f"read {self._topic}"):
                messages = self._consumer.consume(_BATCH, _WAIT_S)
            self._take_all(messages)

    def rewind(self, since_ms: int) -> None:
        """Have the next :meth:`catch_up` begin at a moment, in milliseconds since the epoch."""
        self._since_ms = since_ms
        self._next.clear()
        self._beats.clear()

    def close(self) -> None:
        """Let go of the connections."""
        with kafka_errors("close the reader of notifications"):
            self._consumer.close()

    def _assign(self) -> None:
        with kafka_errors(f"look up topic {self._topic}"):
            found = self._consumer.list_topics(self._topic, timeout=_CALL_S).topics[self._topic]
            if found.error is not None:
                raise KafkaRetry(f"look up topic {self._topic}", "UNKNOWN_TOPIC_OR_PART", found.error.str())
            asked = [TopicPartition(self._topic, number, self._since_ms) for number in found.partitions]
            places = self._consumer.offsets_for_times(asked, timeout=_CALL_S)
        starts = {place.partition: place.offset for place in places}
        # -1: nothing was written since.
        self._next = {number: at if at >= 0 else self._end(number) for number, at in starts.items()}
        with kafka_errors(f"read {self._topic}"):
            self._consumer.assign([TopicPartition(self._topic, *place) for place in self._next.items()])

    def _end(self, number: int) -> int:
        with kafka_errors(f"read the end of {self._topic}/{number}"):
            place = TopicPartition(self._topic, number)
            return int(self._consumer.get_watermark_offsets(place, timeout=_CALL_S, cached=False)[1])

    def _take_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            number, offset, error = message.partition() or 0, message.offset() or 0, message.error()
            if error is None:
                self._next[number] = offset + 1
                self._take(message)
            elif clients.is_end(message):
                self._next[number] = max(self._next[number], offset)
            else:
                raise translate(error, f"read {self._topic}")

    def _take(self, message: Message) -> None:
        kind = dict(message.headers() or []).get("ce_type")
        value = message.value() or b""
        try:
            if kind == _START:
                self._note_start(_decode_start(value).context.global_request_id or "")
            elif kind == _BEAT:
                self._note_beat(_decode_beat(value))
            elif kind == _JOINED:
                self._joined.add((message.key() or b"").decode(errors="replace").partition(SEPARATOR)[0])
        except (MsgspecError, ValueError):
            return  # the processor makes a dead letter of it

    def _note_start(self, identity: str) -> None:
        self._started[identity] = None
        if len(self._started) > _MOST_IDS:
            del self._started[next(iter(self._started))]

    def _note_beat(self, beat: Heartbeat) -> None:
        if beat.state == "running":
            sent_s = parse_ns(beat.timestamp) / NS_PER_S
            self._beats[beat.cloud] = max(sent_s, self._beats.get(beat.cloud, 0.0))
