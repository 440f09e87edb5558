"""Whatever stands in the log, the records that are made of it can be written: one that could not would hold up all."""

from collections.abc import Iterator
from typing import cast

import orjson
import pytest
from confluent_kafka import Producer

from precache.config import TopicsBlock
from precache.contract.topics import MAX_RECORD_BYTES
from processor.core.effects import Effects
from processor.core.explain import MAX_NAME_BYTES
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.output import dead_letters
from processor.output.encode import Encoder, OutputRecord
from processor.output.rows import operation_rows
from processor.stores.api import RefusedRow
from tests.support.events import Event, Source

# Takes six bytes of JSON for each of its own.
WORST = "\x01" * MAX_NAME_BYTES
TOPICS = TopicsBlock()
ENCODER = Encoder(TOPICS)


@pytest.fixture
def producer() -> Iterator[Producer]:
    """A producer as the processor's, which never finds its broker: what it finds too large it says at once."""
    made = Producer({"bootstrap.servers": "127.0.0.1:9", "log_level": 0, "queue.buffering.max.kbytes": 1_000_000})
    yield made
    made.purge()


NOVA = Source(cloud=WORST, aggregate=WORST, request=WORST, name=WORST)


def applied(*events: Event) -> tuple[Partition, Effects]:
    partition, out = Partition(Timers()), Effects()
    for offset, event in enumerate(events):
        # Else it is made of names that are at their limit already.
        event.body["message_id"] = WORST
        partition.apply(1_000, offset, event.key, event.value, out)
    partition.advance(10_000, out)
    return partition, out


def write(producer: Producer, outputs: list[OutputRecord]) -> None:
    for output in outputs:
        headers = cast("list[tuple[str, str | bytes | None]]", output.headers)
        producer.produce(output.topic, output.value, output.key, output.partition, headers=headers)


def test_an_operation_with_the_longest_names_and_lists(producer: Producer) -> None:
    images = [f"{number}{WORST}"[:MAX_NAME_BYTES] for number in range(40)]
    hosts = [f"{number}{WORST}"[:MAX_NAME_BYTES] for number in range(60)]
    partition, out = applied(NOVA.start(hosts), NOVA.report(WORST, images, images), NOVA.end(hosts))
    assert out.refused == []
    written = list(ENCODER.decisions(0, out.decisions))
    assert len(written) == 3
    assert all(len(output.value) < MAX_RECORD_BYTES for output in written)
    assert sum(len(output.value) > MAX_RECORD_BYTES // 2 for output in written) == 2, "lists had to be cut"
    write(producer, written)
    refused = [
        RefusedRow(0, row, "x" * 10**6) for operation in partition.operations() for row in operation_rows(operation)
    ]
    write(producer, list(ENCODER.letters(dead_letters.of_row(one, "t/0/0", 0) for one in refused)))


@pytest.mark.parametrize(("cached", "failed"), [(60, 60), (0, 100), (100, 1)])
def test_a_report_with_the_longest_lists(producer: Producer, cached: int, failed: int) -> None:
    images = [f"image {number} {WORST}"[:MAX_NAME_BYTES] for number in range(cached + failed)]
    _, out = applied(NOVA.report(WORST, images[:cached], images[cached:]))
    (output,) = ENCODER.progress(out.points)
    write(producer, [output])
    assert MAX_RECORD_BYTES - 2 * 6 * MAX_NAME_BYTES < len(output.value) < MAX_RECORD_BYTES
    record = orjson.loads(output.value)
    assert record["lists_cut"] is True
    assert (record["images_cached_count"], record["images_failed_count"]) == (cached, failed), "counts are whole"
    assert record["images_cached"] == images[: len(record["images_cached"])], "cut at whole names"
    assert record["images_failed"] == images[cached:][: len(record["images_failed"])]


def test_a_usual_report_does_not_speak_of_cuts() -> None:
    _, out = applied(Source().report("a", ["x"] * 1_000))
    (output,) = ENCODER.progress(out.points)
    record = orjson.loads(output.value)
    assert "lists_cut" not in record
    assert len(record["images_cached"]) == 1_000


@pytest.mark.parametrize("key", [b"\xff" * 900_000, b"\x01" * 900_000, "é/".encode() * 300_000, None])
def test_a_dead_letter_of_a_record_with_any_key(producer: Producer, key: bytes | None) -> None:
    partition, out = Partition(Timers()), Effects()
    partition.apply(1_000, 0, key, Source().start(["a" * 900_000]).value, out)
    (refused,) = out.refused
    (output,) = ENCODER.letters([dead_letters.of_record(refused, TOPICS.notifications, 0)])
    write(producer, [output])
    assert sum(len(value) for _, value in output.headers) < 100_000
