"""Sends what is replayed, and notes it.

The order keeps a replay from being lost; killed in between, it may be repeated.

1. The notifications are sent, and Kafka's report of each is waited for.
2. Only then a record in the dead letters' topic says of each that it was replayed.

Killed between the two, the next replay sends them again: with the same id, which the processor ignores within
`operations.allowed_lateness`. A transaction would make one of the two steps, but leave gaps in the offsets of the
notifications' topic, which the processor takes for lost records.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from bridge.delivery.producer import PURGED
from console.cli.configs import KafkaSettings
from console.cli.topic_reader import CannotReadError
from console.deadletters.letters import Letter
from console.deadletters.replay import Replay
from precache.contract import cloudevents, deadletters
from precache.contract.times import rfc3339_us
from precache.kafka import clients
from precache.kafka.connection import Connection
from precache.kafka.errors import KafkaCallError, KafkaRejected, translate
from precache.runtime.deadline import Deadline

_CLIENT_ID: Final = "precache-replay"
# This long without any report of Kafka's is an outage.
_QUIET_S: Final = 30.0
_POLL_S: Final = 0.2
_ANY_PARTITION: Final = -1

# Kafka's word on each record by its place: None when it has the record.
Reports = dict[str, KafkaCallError | None]


class Sent(NamedTuple):
    """Of one call: what was replayed, and why Kafka refuses the others for good, by their places."""

    replayed: list[Letter]
    refused: dict[str, str]


class _Record(NamedTuple):
    """A record for Kafka, by the place of the dead letter that it is about."""

    place: str
    topic: str
    key: bytes
    value: bytes
    headers: cloudevents.Headers
    partition: int = _ANY_PARTITION


class Sender:
    """Sends replays to Kafka."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topics = settings.topics
        self._servers = settings.kafka.servers
        self._connection = Connection(_CLIENT_ID)
        # Alone in its batch: a broker refuses a whole batch for one record that is too large.
        alone = {"batch.num.messages": 1}
        self._producer = clients.producer(settings.kafka, _CLIENT_ID, self._connection, **alone)

    def send(self, replays: Sequence[tuple[Letter, Replay]]) -> Sent:
        """Send these and note them.

        Raises:
            CannotReadError: Kafka can't be reached or refuses; what it had taken until then is noted.
        """
        reports = self._all([self._notification(letter, replay) for letter, replay in replays])
        delivered = [pair for pair in replays if _is_delivered(reports, pair[0])]
        refused = {place: error.text for place, error in reports.items() if error is not None and _is_final(error)}
        notes = self._all([self._note(letter, replay) for letter, replay in delivered])
        noted = [letter for letter, _ in delivered if _is_delivered(notes, letter)]
        if len(refused) + len(noted) < len(replays):
            raise CannotReadError(self._why([*reports.values(), *notes.values()], len(delivered), len(noted)))
        return Sent(noted, refused)

    def close(self) -> None:
        """Drop what was not sent."""
        self._producer.purge()
        self._producer.flush(_POLL_S)

    def _notification(self, letter: Letter, replay: Replay) -> _Record:
        return _Record(letter.place, self._topics.notifications, replay.key, replay.value, replay.headers)

    def _note(self, letter: Letter, replay: Replay) -> _Record:
        key, value, headers = deadletters.replay_record(
            letter.place,
            cloud=letter.cloud,
            message_id=replay.message_id,
            topic=self._topics.notifications,
            time=rfc3339_us(time.time_ns()),
        )
        # On the letter's own partition: it lies behind it there, whatever the clocks say, and is found with it.
        return _Record(letter.place, self._topics.deadletters, key, value, headers, letter.partition)

    def _all(self, records: Sequence[_Record]) -> Reports:
        """Send records, and wait for Kafka's reports until there are all of them, or none comes for long."""
        reports: Reports = {}
        for record in records:
            self._produce(record, reports)
        quiet, known = Deadline.after(_QUIET_S), len(reports)
        while len(reports) < len(records) and not quiet.passed and self._connection.refusal("produce") is None:
            self._producer.poll(_POLL_S)
            if len(reports) > known:
                quiet, known = Deadline.after(_QUIET_S), len(reports)
        if len(reports) < len(records):
            # What was not taken must not be taken later, when nobody notes it any more.
            self._producer.purge()
            self._producer.flush(_QUIET_S)
        return reports

    def _produce(self, record: _Record, reports: Reports) -> None:
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                record.partition,
                partial(_report, reports, record.place),
                headers=[*record.headers],
            )
        except (KafkaException, BufferError) as error:
            reports[record.place] = translate(error, "produce")

    def _why(self, errors: Sequence[KafkaCallError | None], delivered: int, noted: int) -> str:
        actionable = next((error for error in errors if error is not None and error.actionable), None)
        why = self._connection.refusal("produce") or actionable or self._connection.last_error or "no answer"
        text = f"Kafka at {self._servers} does not take records: {why}. {noted} of the last batch were replayed."
        if noted < delivered:
            text += f" {delivered - noted} more were sent, but not noted: they are sent again, which is harmless."
        return f"{text} Run the same command again"


def _report(reports: Reports, place: str, error: KafkaError | None, _message: Any) -> None:
    reports[place] = None if error is None else translate(error, "produce")


def _is_delivered(reports: Reports, letter: Letter) -> bool:
    return letter.place in reports and reports[letter.place] is None


def _is_final(error: KafkaCallError) -> bool:
    return isinstance(error, KafkaRejected) and error.name not in PURGED
