"""Makes dead letters of messages that can't be forwarded."""

import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from bridge.decode import compression as contenttype
from bridge.decode.poison import Poison
from bridge.delivery.heartbeat_record import Record
from bridge.source.api import Delivery
from precache.contract.deadletters import MAX_BYTES, MAX_PROPERTIES_BYTES, DeadLetter
from precache.contract.times import rfc3339_us
from precache.runtime import byte_masking as bytemasking

_NOT_KEPT: Final = "the body is not kept: credentials in what can't be decompressed can't be masked"


class Letters:
    """Makes the dead letters of one cloud.

    Args:
        topic: where they go.
        cloud: the cloud's name.
        queue: where the messages came from.
        read_properties: reads a delivery's properties.
        max_body_bytes: up to where a body is decompressed.
    """

    def __init__(
        self,
        topic: str,
        cloud: str,
        queue: str,
        read_properties: Callable[[bytes], dict[str, Any]],
        max_body_bytes: int = contenttype.MAX_BODY_BYTES,
    ) -> None:
        self.topic = topic
        self._cloud = cloud
        self._queue = queue
        self._read_properties = read_properties
        self._max_body_bytes = max_body_bytes

    def letter(self, delivery: Delivery, poison: Poison) -> Record:
        """Return the record that keeps a message: masked bytes, reason, place, time and properties."""
        read = self._read_properties(delivery.properties)
        # Compressed, credentials could not be masked.
        body = contenttype.readable(delivery.body, read, self._max_body_bytes)
        letter = DeadLetter(
            reason=poison.reason,
            detail=poison.detail if body is not None else f"{poison.detail}; {_NOT_KEPT}",
            cloud=self._cloud,
            origin=self._queue,
            received_at=rfc3339_us(time.time_ns()),
            body=b"" if body is None else bytemasking.mask_beginning(body, MAX_BYTES),
            properties=_masked(orjson.dumps(read, default=str)),
            topics=poison.topics,
            whole=delivery.body if body is None else body,
        )
        return Record(self.topic, letter.key(), letter.value(), letter.headers())


def _masked(properties: bytes) -> dict[str, object]:
    if len(properties) > MAX_PROPERTIES_BYTES:
        beginning = bytemasking.mask_beginning(properties, MAX_PROPERTIES_BYTES // 2)
        return {"cut": beginning.decode(errors="ignore"), "length": len(properties)}
    masked = bytemasking.mask(properties)
    try:
        read: dict[str, object] = orjson.loads(masked)
    except orjson.JSONDecodeError:  # masked too much to be JSON still
        return {"masked": masked.decode(errors="replace")}
    return read
