"""What a message says of its own form: content type, content encoding, compression (kombu's, by a header)."""

import bz2
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.decode import reasons
from bridge.decode.poison import Poison

# The largest body that is looked into, unless Kafka is said to take more than its default of 1 MB a record: the record
# is shorter, since it has no envelope and little of the context.
MAX_BODY_BYTES: Final = 2_000_000
# Whatever Kafka takes: the other clouds wait while a body is looked into.
MOST_BODY_BYTES: Final = 16_000_000

_JSON: Final = "application/json"
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})

# Decompresses a body, and stops after a number of bytes.
Open = Callable[[bytes, int], bytes]


def _unzip(body: bytes, most: int) -> bytes:
    # kombu calls it gzip, but writes zlib's format; 32 takes either.
    return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS).decompress(body, most)


def _bunzip(body: bytes, most: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(body, most)


# Source: kombu/compression.py, and oslo.messaging's kombu_compression.
_COMPRESSIONS: Final[Mapping[str, Open]] = {
    **dict.fromkeys(("application/x-gzip", "gzip", "zlib"), _unzip),
    **dict.fromkeys(("application/x-bz2", "application/x-bz2", "bzip2", "bzip", "bz2"), _bunzip),
}


def opener(properties: Mapping[str, Any]) -> Open | None:
    """Return what decompresses a body with these AMQP properties; ``None`` when it is not compressed.

    Properties that are not set say nothing: the body itself is looked at then.

    Raises:
        Poison: a body with such properties can't be read.
    """
    content_type = str(properties.get("content_type") or _JSON)
    if content_type.partition(";")[0].strip().lower() != _JSON:
        raise Poison(reasons.CONTENT_TYPE, f"content type {content_type[:80]!r}, not {_JSON}")
    encoding = str(properties.get("content_encoding") or "utf-8")
    if encoding.lower() not in _UTF8:
        raise Poison(reasons.CONTENT_ENCODING, f"content encoding {encoding[:80]!r}, not utf-8")
    compression = _compression(properties)
    if not compression:
        return None
    if compression not in _COMPRESSIONS:
        raise Poison(reasons.CONTENT_ENCODING, f"compressed by {compression[:80]!r}, which is not known")
    return _COMPRESSIONS[compression]


def check_size(body: bytes, most: int) -> None:
    """Refuse a body that is too large to be looked into.

    Raises:
        Poison: it has more than ``most`` bytes.
    """
    if len(body) > most:
        raise Poison(reasons.TOO_LARGE, f"the body has {len(body)} bytes, more than {most} are not looked into")


def opened(body: bytes, open_: Open, most: int) -> bytes:
    """Return a body decompressed, at most ``most`` bytes of it.

    Raises:
        Poison: it can't be, or what came has more than ``most`` bytes itself, or it decompresses to more.
    """
    check_size(body, most)
    unpacked = _unpacked(body, open_, most + 1)
    if len(unpacked) > most:
        raise Poison(reasons.TOO_LARGE, f"the body decompresses to more than {most} bytes, which are not looked into")
    return unpacked


def _unpacked(body: bytes, open_: Open, most: int) -> bytes:
    try:
        return open_(body, most)
    except (zlib.error, OSError, ValueError, EOFError) as error:
        raise Poison(reasons.CONTENT_ENCODING, f"the body can't be decompressed: {error}") from None


def readable(body: bytes, properties: Mapping[str, Any], most: int) -> bytes | None:
    """Return a body in which credentials can be seen: as it came, or at most ``most`` bytes of it decompressed.

    ``None``: it says that it is compressed, can't be decompressed, and is no text either.
    """
    compression = _compression(properties)
    if not compression:
        return body
    try:
        if compression in _COMPRESSIONS:
            return _unpacked(body, _COMPRESSIONS[compression], most)
    except Poison:
        pass  # it may be text all the same
    return body if _is_text(body) else None


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _compression(properties: Mapping[str, Any]) -> str:
    headers = properties.get("headers")
    return str(headers.get("compression") or "") if isinstance(headers, Mapping) else ""
