"""The records of `precache.wanted`: the keeper's memory, and what it shows others. Written in transactions alone."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from confluent_kafka import Producer
from msgspec import MsgspecError
from msgspec.json import Decoder, encode

from precache.contract import cloudevents
from precache.contract.topics import WANTED_TYPE
from precache.contract.wanted import Wanted
from precache.kafka.bounded import within
from precache.kafka.errors import KafkaRetry, kafka_errors
from precache.kafka.log_reader import LogReader
from precache.runtime.logs import log

_CALL_S: Final = 15.0
_PARTITION: Final = 0
_SOURCE: Final = cloudevents.source("precache", "keeper")
_decode: Final = Decoder(Wanted).decode


class WantedTopic:
    """A :class:`keeper.api.Memory`. For one thread.

    Args:
        reader: reads outside of any group.
        topic: ``precache.wanted``.
        make: returns a producer with the keepers' one transactional id; ``None``: only to be read.
    """

    def __init__(self, reader: LogReader, topic: str, make: Callable[[], Producer] | None = None) -> None:
        self._reader = reader
        self._topic = topic
        self._make = make
        self._producer: Producer | None = None
        self._records: dict[str, Wanted] = {}
        self._next = 0

    def lead(self) -> None:
        """Become the only one who writes: a keeper that led before is fenced, and what it began is ended.

        Raises:
            KafkaCallError: that can't be had now.
        """
        self.let_go()
        if self._make is None:
            raise ValueError("this memory is read only")
        producer = self._make()
        doing = "begin to write as the keeper that acts"
        with kafka_errors(doing):
            within(doing, _CALL_S, partial(producer.init_transactions, _CALL_S))
        self._producer = producer

    def let_go(self) -> None:
        """Write no more."""
        self._producer = None

    def read(self) -> Mapping[str, Wanted]:
        """Return the last record of each key; none while there is no such topic.

        Raises:
            KafkaCallError: Kafka can't be read.
        """
        if not self._reader.partitions(self._topic, _CALL_S):
            return {}
        start, end = self._reader.bounds(self._topic, _PARTITION, _CALL_S)
        for batch in self._reader.read(self._topic, _PARTITION, max(start, self._next), end):
            for message in batch:
                self._take(message.key() or b"", message.value(), message.offset() or 0)
        self._next = max(end, self._next)
        return dict(self._records)

    def write(self, records: Sequence[Wanted]) -> None:
        """Write records in one transaction.

        Raises:
            KafkaCallError: they may be there or not; call :meth:`lead` before the next one.
        """
        producer, self._producer = self._producer, None
        if producer is None:
            raise KafkaRetry("write what is wanted", "_STATE", "another keeper may have taken over")
        with kafka_errors("write what is wanted"):
            producer.begin_transaction()
            for record in records:
                self._produce(producer, record)
            producer.commit_transaction(_CALL_S)
        # Only a producer whose last transaction is known to be written is used again.
        self._producer = producer
        self._records.update({record.key: record for record in records})

    def _produce(self, producer: Producer, record: Wanted) -> None:
        value = encode(record)
        headers = cloudevents.headers(
            event_id=str(uuid5(NAMESPACE_URL, f"{record.key} {value.decode()}")),
            source_path=_SOURCE,
            event_type=WANTED_TYPE,
            subject=record.key,
            time=record.time,
        )
        producer.produce(self._topic, value, record.key, _PARTITION, headers=headers)  # type: ignore[arg-type]

    def _take(self, key: bytes, value: bytes | None, offset: int) -> None:
        name = key.decode(errors="replace")
        if not value:
            self._records.pop(name, None)
            return
        try:
            self._records[name] = _decode(value)
        except MsgspecError as error:
            log.error("keeper.record_unreadable", topic=self._topic, offset=offset, key=name, why=str(error))
