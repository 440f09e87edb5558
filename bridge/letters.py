"""Makes dead letters of messages that can't be forwarded."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from bridge import contenttype
from bridge.poison import Poison
from bridge.signs import Record
from bridge.sources import Delivery
from precache.contract.deadletters import DeadLetter
from precache.contract.times import rfc3339_us
from precache.service import bytemasking


class Letters:
    """Makes the dead letters of one cloud.

    Args:
        topic: where they go.
        cloud: the cloud's name.
        queue: where the messages came from.
        read_properties: reads a delivery's properties.
    """

    def __init__(self, topic: str, cloud: str, queue: str, read_properties: Callable[[bytes], dict[str, Any]]) -> None:
        self.topic = topic
        self._cloud = cloud
        self._queue = queue
        self._read_properties = read_properties

    def letter(self, delivery: Delivery, poison: Poison) -> Record:
        """Return the record that keeps a message: masked bytes, reason, place, time and properties."""
        read = self._read_properties(delivery.properties)
        properties = orjson.dumps(read, default=str)
        # Compressed, credentials could not be masked.
        body = contenttype.opened_if_possible(delivery.body, read)
        masked = bytemasking.mask(body)
        letter = DeadLetter(
            reason=poison.reason,
            detail=poison.detail,
            cloud=self._cloud,
            origin=self._queue,
            received_at=rfc3339_us(time.time_ns()),
            body=masked,
            properties=_loads(bytemasking.mask(properties)),
            masked=masked != body,
        )
        return Record(self.topic, letter.key(), letter.value(), letter.headers())


def _loads(masked: bytes) -> dict[str, object]:
    try:
        properties: dict[str, object] = orjson.loads(masked)
    except orjson.JSONDecodeError:  # masked too much to be JSON still
        return {"masked": masked.decode(errors="replace")}
    return properties
