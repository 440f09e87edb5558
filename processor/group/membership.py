"""The processor's place in its consumer group.

The callbacks of a rebalance only note what happened: a partition is read from when its state was rebuilt, which takes
longer than a callback may. Until then it is the group's promise to us, and not yet assigned to the client.

Members are static (``group.instance.id``): a processor that is started again after a kill takes its own place at once,
where an unknown newcomer would wait for the end of the dead one's session.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from time import monotonic
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from precache.kafka.errors import KafkaCallError, kafka_errors, translate
from precache.runtime.logs import log
from processor.errors import Fatal, Replaced

_FENCED: Final = KafkaError.FENCED_INSTANCE_ID
# What librdkafka says of a static member that was replaced, as `_FATAL`: only its text says which error it was.
_FENCED_TEXT: Final = KafkaError(_FENCED).str()
_LEAVE_S: Final = 2.0
_LOOK_S: Final = 0.02


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return where a record lies, or what an error is of."""
        return cls(str(message.topic()), int(message.partition() or 0))


class Membership:
    """One member of the group. For one thread.

    Attributes:
        owned: the partitions of its topic that the group gave us.
        owned_points: likewise, those of the topics whose every record is a point.
        shares: how often the group has given us a share, also an empty one.
        has_share: the last one was not lost since, as it is with our place in the group.

    Args:
        make: returns a consumer of the group.
        topic: whose partitions it shares.
        instance: our name in it.
        cooperative: whether partitions are given out and taken away one by one.
        point_topics: topics that it reads, too, as soon as they are there: see ``point_partitions``.
    """

    def __init__(
        self,
        make: Callable[[], Consumer],
        topic: str,
        instance: str,
        *,
        cooperative: bool,
        point_topics: Sequence[str] = (),
    ) -> None:
        self.owned: set[int] = set()
        self.owned_points: set[Place] = set()
        self.shares = 0
        self.has_share = False
        self._make = make
        self._instance = instance
        self._consumer = make()
        self._topic = topic
        self._cooperative = cooperative
        # A pattern, as librdkafka knows it: a topic that is not there is no error, and joins when it is made.
        self._subscription = [topic, *(f"^{re.escape(each)}$" for each in point_topics)]
        self._reading: set[Place] = set()
        self._anew: set[Place] = set()
        self._lost: set[Place] = set()
        self._paused: set[Place] = set()

    def join(self) -> None:
        """Ask for a share of the topics' partitions."""
        with self._calls("subscribe"):
            self._consumer.subscribe(
                self._subscription, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )

    @property
    def is_member(self) -> bool:
        """Whether the group has taken us in, as far as the client knows."""
        return bool(self._consumer.memberid())

    def renew(self) -> None:
        """Join anew with another client; the old one is closed in a thread of its own, since it may hang there."""
        old, self._consumer = self._consumer, self._make()
        Thread(target=_close, args=(old,), name="old-group-client", daemon=True).start()
        self._lost |= self.owned_points | self._own(self.owned)
        self.has_share = False
        self.owned.clear()
        for places in (self.owned_points, self._reading, self._anew, self._paused):
            places.clear()
        self.join()

    def poll(self, records: int, timeout_s: float) -> list[Message]:
        """Serve the group and return what there is to read: what comes within the time, then only what is there."""
        with self._calls("read"):
            messages = [message for message in self._consumer.consume(1, timeout_s) if not is_absent(message)]
            for message in messages:
                self.check(message)
            return messages + self._consumer.consume(records - 1, 0) if messages else messages

    def more(self, records: int) -> list[Message]:
        """Return what is there to be read at once."""
        with self._calls("read"):
            return self._consumer.consume(records, 0)

    def check(self, message: Message) -> None:
        """See whether a message says that this client is of no use any more: it says so once.

        Raises:
            Fatal: it does.
        """
        error = message.error()
        if error is not None and error.code() == KafkaError._FATAL:  # noqa: SLF001 - the library's own name for it
            raise self._fatal(translate(error, "read"))

    def take_lost(self) -> set[int]:
        """Return its topic's partitions that were taken away since this was last called; some may be owned again."""
        lost = {place for place in self._lost if place.topic == self._topic}
        self._lost -= lost
        return {place.number for place in lost}

    def take_lost_points(self) -> set[Place]:
        """Return, likewise, those of the topics whose every record is a point."""
        lost = {place for place in self._lost if place.topic != self._topic}
        self._lost -= lost
        return lost

    def any_lost(self) -> bool:
        """Return whether a partition was taken away that :meth:`take_lost` or its twin has not returned."""
        return bool(self._lost)

    def place(self, number: int) -> Place:
        """Return the place of a partition of its topic."""
        return Place(self._topic, number)

    def read_anew(self, place: Place) -> None:
        """Have the next :meth:`read` go back to the partition's next offset, whatever was fetched of it already."""
        self._anew.add(place)

    def read(self, next_offsets: Mapping[Place, int]) -> None:
        """Read these partitions and no others, each from its next offset on.

        Call it between rounds only, with all applied that was polled: it may go back to the next offsets of all.
        """
        removed = self._reading & (self._anew | (self._reading - next_offsets.keys()))
        added = next_offsets.keys() - (self._reading - removed)
        self._anew.clear()
        if not added and not removed:
            return
        self._resume(removed)
        with self._calls("assign partitions"):
            if not self._cooperative:
                self._consumer.assign(_offsets(next_offsets))
            else:
                if removed:
                    self._consumer.incremental_unassign(_partitions(removed))
                if added:
                    self._consumer.incremental_assign(_offsets({place: next_offsets[place] for place in added}))
        self._reading = set(next_offsets)

    def pause(self) -> None:
        """Read nothing for a while; the group is still to be served by :meth:`poll`."""
        if added := self._reading - self._paused:
            self._paused |= added
            with self._calls("pause"):
                self._consumer.pause(_partitions(added))

    def resume(self) -> None:
        """Read again what was read before :meth:`pause`."""
        self._resume(self._reading)

    def metadata(self) -> Any:
        """Return what a transaction needs to be fenced with the group's generation."""
        return self._consumer.consumer_group_metadata()

    def committed(self, place: Place, timeout_s: float) -> TopicPartition:
        """Return the group's committed offset of a partition, with its metadata.

        Raises:
            KafkaRetry: no answer in time; among others while a killed processor's transaction is open.
        """
        with self._calls("read the committed offset"):
            return self._consumer.committed(_partitions([place]), timeout=timeout_s)[0]

    def end_offset(self, number: int, timeout_s: float) -> int:
        """Return, from the broker, the offset that the partition's next record will have."""
        with self._calls("read the end offset"):
            place = TopicPartition(self._topic, number)
            offsets = self._consumer.get_watermark_offsets(place, timeout=timeout_s, cached=False)
            return int(offsets[1])

    def known_end_offset(self, number: int) -> int:
        """Return the end offset as the last fetch had it; negative when none did."""
        with self._calls("read the end offset"):
            return int(self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)[1])

    def leave(self) -> None:
        """Leave the group, so that others take over at once.

        The client's ``close`` does not let the group know that a static member leaves; its ``unsubscribe`` does, once
        the partitions are revoked.
        """
        # Where that fails, others take over when the session has ended.
        with suppress(KafkaCallError), kafka_errors("leave the group"):
            self._consumer.unsubscribe()
            end = monotonic() + _LEAVE_S
            while self._consumer.memberid() and monotonic() < end:
                self._consumer.consume(1, _LOOK_S)
        with kafka_errors("leave the group"):
            self._consumer.close()

    def _resume(self, places: set[Place]) -> None:
        """Take the pause away. Before a partition is let go, too: the client would not read it when it comes back."""
        if paused := places & self._paused:
            self._paused -= paused
            with self._calls("resume"):
                self._consumer.resume(_partitions(paused))

    @contextmanager
    def _calls(self, doing: str) -> Iterator[None]:
        """Raise as ours what the client raises; what it can't recover from is fatal.

        Raises:
            KafkaCallError: one of its kinds.
            Fatal: the client is of no use any more.
        """
        try:
            with kafka_errors(doing):
                yield
        except KafkaCallError as error:
            if error.name in {"_FATAL", "FENCED_INSTANCE_ID"}:
                raise self._fatal(error) from error
            raise

    def _fatal(self, error: KafkaCallError) -> Fatal:
        if error.name == "_FATAL" and _FENCED_TEXT not in error.text:
            return Fatal(f"the group's client can't go on: {error}")
        return Replaced(
            f"another processor uses the name {self._instance!r}, and took this one's place in the group: give every "
            "processor an `instance:` of its own; if it replaced this one for good, all is well"
        )

    def _own(self, numbers: Iterable[int]) -> set[Place]:
        return {Place(self._topic, number) for number in numbers}

    def _split(self, places: Iterable[TopicPartition]) -> tuple[set[int], set[Place]]:
        """Return the numbers of its topic's partitions, and the places of the others."""
        points = {Place(place.topic, place.partition) for place in places if place.topic != self._topic}
        return {place.partition for place in places if place.topic == self._topic}, points

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if consumer is not self._consumer:
            return  # it is being closed
        numbers, points = self._split(places)
        log.info("processor.assigned", partitions=sorted(numbers), **_listed(points))
        self.shares += 1
        self.has_share = True
        if self._cooperative:
            self.owned |= numbers
            self.owned_points |= points
            consumer.incremental_assign([])
        else:
            self.owned, self.owned_points = numbers, points
            consumer.assign([])

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._requeue(consumer, places, "processor.revoked")

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._requeue(consumer, places, "processor.lost")
        if consumer is self._consumer:
            self.has_share = False

    def _requeue(self, consumer: Consumer, places: list[TopicPartition], event: str) -> None:
        if consumer is not self._consumer:
            return  # it is being closed
        numbers, points = self._split(places)
        log.info(event, partitions=sorted(numbers), **_listed(points))
        self.owned -= numbers
        self.owned_points -= points
        gone = points | self._own(numbers)
        self._lost |= gone
        self._resume(gone & self._reading)
        if not self._cooperative:
            self._reading.clear()
            consumer.unassign()
            return
        consumer.incremental_unassign(_partitions(gone & self._reading))
        self._reading -= gone


def is_absent(message: Message) -> bool:
    """Whether this says, in the place of a record, that no topic matches a pattern of the subscription."""
    error = message.error()
    return (
        error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART and str(message.topic()).startswith("^")
    )


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]


def _offsets(next_offsets: Mapping[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in next_offsets.items()]


def _listed(points: Iterable[Place]) -> dict[str, list[str]]:
    """Return what a log event says of partitions of the topics whose every record is a point; nothing of none."""
    names = sorted(f"{place.topic}/{place.number}" for place in points)
    return {"points": names} if names else {}


def _close(consumer: Consumer) -> None:
    with suppress(KafkaCallError), kafka_errors("close the old client of the group"):
        consumer.close()
