"""Whatever comes with a message, a dead letter is made of it, and is no larger than Kafka takes."""

import random
import zlib
from typing import Any

import orjson
import pytest
from pika import BasicProperties

from bridge.decode.compression import MAX_BODY_BYTES
from bridge.decode.poison import Poison
from bridge.delivery.dead_letters import Letters
from bridge.delivery.heartbeat_record import Record
from bridge.source.amqp import properties
from bridge.source.api import Delivery
from precache.contract.deadletters import MAX_RECORD_BYTES


def letter(body: bytes, headers: dict[str, Any], queue: str = "queue", detail: str = "why") -> Record:
    raw = b"".join(BasicProperties(headers=headers).encode())
    return Letters("dead", "paris", queue, properties.decode).letter(Delivery(1, body, raw), Poison("x", detail))


def shown(record: Record) -> Any:
    return orjson.loads(dict(record.headers)["precache_properties"])


def nested(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(levels):
        made = {"a": made}
    return made


@pytest.mark.parametrize("levels", [1, 254, 300])
def test_headers_may_nest_as_deep_as_they_like(levels: int) -> None:
    assert "headers" in shown(letter(b"not json", nested(levels)))


def test_headers_that_can_not_even_be_read_are_kept_as_they_came() -> None:
    letters = Letters("dead", "paris", "queue", properties.decode)
    assert shown(letters.letter(Delivery(1, b"", b"\xff"), Poison("x", ""))) == {"raw": "ff"}


def test_the_largest_dead_letter_is_within_what_a_bridge_asks_of_kafka() -> None:
    headers = {f"h{number}": "\x01" * 250 for number in range(500)}
    record = letter(b"\0" * 10_000_000, headers, queue="q" * 255, detail="\u20ac" * 5_000)
    size = len(record.key) + len(record.value) + sum(len(name) + len(value) for name, value in record.headers)
    assert size <= MAX_RECORD_BYTES
    found = shown(record)
    assert found["length"] > len(found["cut"]) > 10_000


def test_a_compressed_body_that_is_too_large_is_opened_and_masked() -> None:
    text = b'{"_context_auth_token": "hush-hush", "x": "' + random.Random(1).randbytes(3_000_000).hex().encode() + b'"}'
    packed = zlib.compress(text)
    assert len(packed) > MAX_BODY_BYTES
    record = letter(packed, {"compression": "gzip"})
    assert b"_context_auth_token" in record.value
    assert b"hush-hush" not in record.value
    assert b"hush-hush" not in zlib_beginning(record.value)


def zlib_beginning(value: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(value)
    except zlib.error:
        return b""
