"""Finds dead letters in Kafka."""

import heapq
from collections.abc import Callable, Iterator
from typing import Final, cast

from confluent_kafka import Message, TopicPartition

from console.configs import KafkaSettings
from console.deadletters.letters import Filter, Letter, text_headers
from console.kafka_log import CONNECT_S, CannotReadError, LogReader
from precache.service.deadline import Deadline

_CLIENT_ID: Final = "precache-deadletters"
_POLL_S: Final = 0.5
# So long without a record, and without the end, is an outage.
_QUIET_S: Final = 20.0


def newest(
    settings: KafkaSettings, wanted: Filter, *, limit: int, since_ms: int | None, say: Callable[[str], None]
) -> list[Letter]:
    """Return the newest letters that are wanted, the oldest of them first.

    Args:
        settings: how to reach Kafka, and what the topic is called.
        wanted: which ones.
        limit: at most so many.
        since_ms: only those written from then on; milliseconds since the epoch.
        say: tells a person about outages.

    Raises:
        CannotReadError: Kafka can't be reached or refuses.
    """
    reader = LogReader(settings, _CLIENT_ID, say)
    topic = settings.topics.deadletters
    kept: list[tuple[int, int, int, Letter]] = []
    try:
        deadline = Deadline.after(CONNECT_S)
        spans = reader.spans(topic, deadline)
        if since_ms is not None:
            spans = reader.since(topic, spans, since_ms, deadline)
        for message in _read(reader, [TopicPartition(topic, span.partition, span.low) for span in spans]):
            letter = _letter(message)
            if wanted(letter):
                # Never more than the limit is held: the topic may have a month of them.
                push = heapq.heappush if len(kept) < limit else heapq.heappushpop
                push(kept, (letter.written_ms, letter.partition, letter.offset, letter))
    finally:
        reader.close()
    return [letter for _, _, _, letter in sorted(kept, key=lambda entry: entry[:3])]


def one(settings: KafkaSettings, partition: int, offset: int, say: Callable[[str], None]) -> tuple[Letter, bytes]:
    """Return the letter at a place, and its body.

    Raises:
        CannotReadError: Kafka can't be reached or refuses, or there is nothing at that place.
    """
    reader = LogReader(settings, _CLIENT_ID, say)
    topic = settings.topics.deadletters
    try:
        spans = {span.partition: span for span in reader.spans(topic, Deadline.after(CONNECT_S))}
        span = spans.get(partition)
        if span is None:
            raise CannotReadError(f"{topic} has no partition {partition}, but 0 to {max(spans)}")
        if not span.low <= offset < span.high:
            there = f"offsets {span.low} to {span.high - 1}" if span.high > span.low else "nothing"
            raise CannotReadError(f"{topic} has {there} in partition {partition}. Try: precache deadletters list")
        for message in _read(reader, [TopicPartition(topic, partition, offset)]):
            if message.offset() == offset:
                return _letter(message), message.value() or b""
            break
    finally:
        reader.close()
    raise CannotReadError(f"no letter at {partition}/{offset}: it was rolled back, or is a transaction's mark")


def _read(reader: LogReader, places: list[TopicPartition]) -> Iterator[Message]:
    """Return the records from these places to the end."""
    reader.start(places)
    quiet = Deadline.after(_QUIET_S)
    while not reader.at_the_end:
        messages = reader.poll(_POLL_S)
        yield from messages
        if messages:
            quiet = Deadline.after(_QUIET_S)
        elif quiet.passed:
            raise CannotReadError(f"Kafka sent nothing for {_QUIET_S:.0f} s, before the end was reached: try again")


def _letter(message: Message) -> Letter:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Letter(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        written_ms=message.timestamp()[1],
        size=len(message.value() or b""),
        headers=text_headers(headers),
    )
