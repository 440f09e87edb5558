"""What is kept of a body that says that it is compressed, and can't be opened: nothing that hides a credential."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from pika import BasicProperties

from bridge.decode.poison import Poison
from bridge.delivery.dead_letters import Letters
from bridge.delivery.heartbeat_record import Record
from bridge.source.amqp import properties
from bridge.source.api import Delivery

SECRET = b"hush-hush"
BODY = b'{"_context_auth_token": "' + SECRET + b'", "filling": "' + bytes(range(65, 91)) * 20 + b'"}'


def letter(body: bytes, compression: str) -> Record:
    raw = b"".join(BasicProperties(headers={"compression": compression}).encode())
    return Letters("dead", "paris", "queue", properties.decode).letter(Delivery(1, body, raw), Poison("x", "why"))


def unpacked(value: bytes) -> bytes:
    """What a reader of the topic may make of it."""
    found = value
    openers: list[Any] = [
        zlib.decompressobj(wbits=32 + zlib.MAX_WBITS),
        bz2.BZ2Decompressor(),
        lzma.LZMADecompressor(),
    ]
    for opener in openers:
        try:
            found += opener.decompress(value)
        except (zlib.error, OSError, lzma.LZMAError, EOFError):
            continue
    return found


@pytest.mark.parametrize(
    ("pack", "compression"),
    [
        (lzma.compress, "application/x-lzma"),
        (bz2.compress, "zstd"),
        (zlib.compress, "bz2"),
        (bz2.compress, "gzip"),
    ],
)
def test_it_is_not_kept(pack: Callable[[bytes], bytes], compression: str) -> None:
    packed = pack(BODY)
    record = letter(packed, compression)
    assert SECRET not in unpacked(record.value)


def test_its_length_and_its_hash_are_kept() -> None:
    record = letter(lzma.compress(BODY), "xz")
    headers = dict(record.headers)
    assert headers["precache_length"] == str(len(lzma.compress(BODY))).encode()
    assert headers["precache_masked"] == b"true"
    assert "precache_sha256" in headers


@pytest.mark.parametrize("compression", ["gzip", "brotli"])
def test_text_that_is_not_compressed_at_all_is_kept_and_masked(compression: str) -> None:
    record = letter(BODY, compression)
    assert b"_context_auth_token" in record.value
    assert SECRET not in record.value
