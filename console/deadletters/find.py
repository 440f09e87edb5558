"""Finds dead letters in Kafka, and which of them were replayed."""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple, cast

from confluent_kafka import Message, TopicPartition

from console.cli.configs import KafkaSettings
from console.cli.topic_reader import CONNECT_S, CannotReadError, Span, TopicReader
from console.deadletters.letters import Filter, Letter, text_headers
from precache.runtime.deadline import Deadline

_CLIENT_ID: Final = "precache-deadletters"
# This long without a record, and without the end, is an outage.
_QUIET_S: Final = 20.0

Emit = Callable[[str], None]


class DeadLetterPlace(NamedTuple):
    """Where a dead letter lies, in the order in which they were written."""

    written_ms: int
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


class Survey(NamedTuple):
    """The places that are wanted, the oldest first, and when each dead letter was replayed, by its place."""

    places: list[DeadLetterPlace]
    replayed: dict[str, str]


def newest(settings: KafkaSettings, wanted: Filter, *, limit: int, since_ms: int | None, emit: Emit) -> list[Letter]:
    """Return the newest letters that are wanted, the oldest of them first.

    Args:
        settings: how to reach Kafka, and what the topic is called.
        wanted: which ones.
        limit: the most to return.
        since_ms: only those written from then on; milliseconds since the epoch.
        emit: reports outages to a person.

    Raises:
        CannotReadError: Kafka can't be reached or refuses.
    """
    kept: list[tuple[DeadLetterPlace, Letter]] = []
    replayed: dict[str, str] = {}
    for letter in _since(settings, since_ms, emit):
        if letter.replay_of:
            replayed[letter.replay_of] = letter.time
        elif wanted(letter):
            # Never more than the limit is held: the topic may have a month of them.
            push = heapq.heappush if len(kept) < limit else heapq.heappushpop
            push(kept, (_place(letter), letter))
    return [replace(letter, replayed=replayed.get(letter.place, "")) for _, letter in sorted(kept, key=_by_place)]


def survey(settings: KafkaSettings, wanted: Callable[[Letter], bool], *, since_ms: int | None, emit: Emit) -> Survey:
    """Return where the letters lie that are wanted, and which letters were replayed, of those written since a time.

    Raises:
        CannotReadError: Kafka can't be reached or refuses.
    """
    places: list[DeadLetterPlace] = []
    replayed: dict[str, str] = {}
    for letter in _since(settings, since_ms, emit):
        if letter.replay_of:
            replayed[letter.replay_of] = letter.time
        elif wanted(letter):
            places.append(_place(letter))
    return Survey(sorted(places), replayed)


def one(settings: KafkaSettings, partition: int, offset: int, emit: Emit) -> tuple[Letter, bytes]:
    """Return the letter at a place, and its body.

    Raises:
        CannotReadError: Kafka can't be reached or refuses, or there is nothing at that place.
    """
    topic = settings.topics.deadletters
    with _reader(settings, emit) as (reader, spans):
        span = {span.partition: span for span in spans}.get(partition)
        if span is None:
            raise CannotReadError(f"{topic} has no partition {partition}, but 0 to {max(span[0] for span in spans)}")
        if not span.low <= offset < span.high:
            there = f"offsets {span.low} to {span.high - 1}" if span.high > span.low else "nothing"
            raise CannotReadError(f"{topic} has {there} in partition {partition}. Try: precache deadletters list")
        for message in reader.read([TopicPartition(topic, partition, offset)], _QUIET_S):
            if message.offset() == offset:
                return _letter(message), message.value() or b""
            break
    raise CannotReadError(f"no letter at {partition}/{offset}: it was rolled back, or is a transaction's mark")


def several(settings: KafkaSettings, places: Collection[DeadLetterPlace], emit: Emit) -> Iterator[tuple[Letter, bytes]]:
    """Yield the letters at these places, and their bodies; in the order of offsets in each partition.

    Raises:
        CannotReadError: Kafka can't be reached or refuses.
    """
    with _reader(settings, emit) as (reader, spans):
        there = {span.partition: range(span.low, span.high) for span in spans}
        wanted = {(place.partition, place.offset) for place in places if place.offset in there.get(place.partition, ())}
        first: dict[int, int] = {}
        for partition, offset in wanted:
            first[partition] = min(offset, first.get(partition, offset))
        starts = [TopicPartition(settings.topics.deadletters, *start) for start in first.items()]
        for message in reader.read(starts, _QUIET_S):
            place = (message.partition() or 0, message.offset() or 0)
            if place in wanted:
                wanted.remove(place)
                yield _letter(message), message.value() or b""
            if not wanted:
                return


@contextmanager
def _reader(settings: KafkaSettings, emit: Emit) -> Iterator[tuple[TopicReader, list[Span]]]:
    reader = TopicReader(settings, _CLIENT_ID, emit)
    try:
        yield reader, reader.spans(settings.topics.deadletters, Deadline.after(CONNECT_S))
    finally:
        reader.close()


def _since(settings: KafkaSettings, since_ms: int | None, emit: Emit) -> Iterator[Letter]:
    topic = settings.topics.deadletters
    with _reader(settings, emit) as (reader, whole):
        spans = whole if since_ms is None else reader.since(topic, whole, since_ms, Deadline.after(CONNECT_S))
        for message in reader.read([TopicPartition(topic, span.partition, span.low) for span in spans], _QUIET_S):
            yield _letter(message)


def _letter(message: Message) -> Letter:
    headers = cast("Iterable[tuple[str, bytes | None]]", message.headers() or [])
    return Letter(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        written_ms=message.timestamp()[1],
        size=len(message.value() or b""),
        headers=text_headers(headers),
    )


def _place(letter: Letter) -> DeadLetterPlace:
    return DeadLetterPlace(letter.written_ms, letter.partition, letter.offset)


def _by_place(entry: tuple[DeadLetterPlace, Letter]) -> DeadLetterPlace:
    return entry[0]
