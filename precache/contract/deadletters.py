"""Dead letters: what could not be used, kept as it came, with the reason and the place.

The value is the bytes as they came (credentials masked by whoever writes it); past :data:`MAX_BYTES` they are cut, and
headers say the whole length and the SHA-256 of the whole.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import orjson

from precache.contract import cloudevents
from precache.contract.topics import DEADLETTER_TYPE, REPLAY_TYPE

MAX_BYTES: Final = 256 * 1024
# Headers share the record's size limit with the value.
MAX_DETAIL_CHARS: Final = 2_000
MAX_PROPERTIES_BYTES: Final = 32 * 1024
# No dead letter is larger than this, key and headers included: what holds it must take it.
MAX_RECORD_BYTES: Final = 400_000

REASON: Final = "precache_reason"
DETAIL: Final = "precache_detail"
CLOUD: Final = "precache_cloud"
ORIGIN: Final = "precache_origin"
RECEIVED_AT: Final = "precache_received_at"
PROPERTIES: Final = "precache_properties"
LENGTH: Final = "precache_length"
SHA256: Final = "precache_sha256"
MASKED: Final = "precache_masked"
# The topics that refused it, or had not taken it when one refused it: separated by commas. Absent: it was sent to none.
TOPICS: Final = "precache_topics"
# Of the record of a replay: the PARTITION/OFFSET of the dead letter that was replayed.
REPLAYED: Final = "precache_replayed"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected message.

    Attributes:
        reason: a fixed word, such as ``not-json`` or ``late``.
        detail: one sentence for a person: what is wrong, and where in the message.
        cloud: the cloud's name; ``""`` when even that can't be known.
        origin: where it lay: a queue's name, or ``topic/partition/offset``.
        received_at: RFC 3339, UTC.
        body: the bytes, credentials already masked. What is longer than :data:`MAX_BYTES` may be cut already. Empty
            while ``whole`` is not: credentials in it can't be masked, so nothing is kept but its length and hash.
        properties: AMQP properties or whatever else came beside the body; JSON-serialisable. Past
            :data:`MAX_PROPERTIES_BYTES` the beginning of their JSON stands in ``cut``, its length in ``length``.
        identity: what tells it from every other dead letter, where that is known: one that is written a second time
            then has the same ``ce_id``. ``""``: each one is an event of its own.
        topics: those that refused the record made of it, or had not taken it yet when one refused it.
        whole: the bytes as they came, of which ``body`` is the masked beginning. ``None``: nothing was masked or cut.
    """

    reason: str
    detail: str
    cloud: str
    origin: str
    received_at: str
    body: bytes
    properties: dict[str, object]
    identity: str = ""
    whole: bytes | None = None
    topics: Collection[str] = ()

    def key(self) -> bytes:
        """Return the record's key: the cloud."""
        return self.cloud.encode()

    def value(self) -> bytes:
        """Return the body, cut at :data:`MAX_BYTES`."""
        return self.body[:MAX_BYTES]

    def headers(self) -> cloudevents.Headers:
        """Return the CloudEvents headers and those that say why, whence and, for a cut body, how long it was."""
        whole = self.body if self.whole is None else self.whole
        is_withheld = bool(whole) and not self.body
        extra: cloudevents.Headers = [
            (REASON, self.reason.encode()),
            (DETAIL, self.detail[:MAX_DETAIL_CHARS].encode(errors="replace")),
            (CLOUD, self.cloud.encode()),
            (ORIGIN, self.origin.encode()),
            (RECEIVED_AT, self.received_at.encode()),
            (PROPERTIES, _bounded(orjson.dumps(self.properties, default=str))),
            (MASKED, b"false" if whole.startswith(self.body) and not is_withheld else b"true"),
        ]
        if len(whole) > MAX_BYTES or is_withheld:
            extra.append((LENGTH, str(len(whole)).encode()))
            extra.append((SHA256, hashlib.sha256(whole).hexdigest().encode()))
        if self.topics:
            extra.append((TOPICS, ",".join(sorted(self.topics)).encode()))
        event = cloudevents.headers(
            event_id=str(_id_of(self.identity) if self.identity else uuid4()),
            source_path=cloudevents.source("precache", self.cloud),
            event_type=DEADLETTER_TYPE,
            subject=self.origin,
            time=self.received_at,
        )
        return event + extra


def replay_record(
    place: str, *, cloud: str, message_id: str, topic: str, time: str
) -> tuple[bytes, bytes, cloudevents.Headers]:
    """Return key, value and headers of the record that says that a dead letter was replayed.

    Args:
        place: the dead letter's ``PARTITION/OFFSET``.
        cloud: its cloud.
        message_id: of the notification that was sent.
        topic: where it was sent to.
        time: when; RFC 3339, UTC.
    """
    headers = cloudevents.headers(
        event_id=str(uuid4()),
        source_path=cloudevents.source("precache", cloud),
        event_type=REPLAY_TYPE,
        subject=place,
        time=time,
    )
    value = orjson.dumps({"replayed": place, "message_id": message_id, "topic": topic, "time": time})
    return cloud.encode(), value, [*headers, (REPLAYED, place.encode()), (CLOUD, cloud.encode())]


def _bounded(properties: bytes) -> bytes:
    if len(properties) <= MAX_PROPERTIES_BYTES:
        return properties
    beginning = properties[: MAX_PROPERTIES_BYTES // 2].decode(errors="ignore")
    return orjson.dumps({"cut": beginning, "length": len(properties)})


def _id_of(identity: str) -> UUID:
    """Return an id in the form of version 4, as all dead letters bear, with a hash in the place of the random bits."""
    return UUID(bytes=hashlib.sha256(identity.encode(errors="replace")).digest()[:16], version=4)
