"""Dead letters: what could not be used, kept as it came, with the reason and the place.

The value is the bytes as they came (credentials masked by whoever writes it); past :data:`MAX_BYTES` they are cut, and
headers say the whole length and the SHA-256 of the whole.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID, uuid4

import orjson
from msgspec import Struct, convert, to_builtins
from msgspec.json import encode

from precache.contract import cloudevents
from precache.contract.tables.fields import record
from precache.contract.topics import DEADLETTER_TYPE, REPLAY_TYPE

MAX_BYTES: Final = 256 * 1024
# Headers share the record's size limit with the value.
MAX_DETAIL_CHARS: Final = 2_000
MAX_PROPERTIES_BYTES: Final = 32 * 1024
# No dead letter is larger than this, key and headers included: what holds it must take it.
MAX_RECORD_BYTES: Final = 400_000

_PREFIX: Final = "precache_"


def header(name: str) -> str:
    """Return the name of a header, of a field's name in :class:`DeadLetterHeaders`."""
    return _PREFIX + name


class DeadLetterHeaders(Struct, frozen=True, kw_only=True, rename=header, omit_defaults=True):
    """The headers of a dead letter beside those of CloudEvents: each is text, and absent when it is ``None``."""

    reason: Annotated[str | None, record("a fixed word, such as `not-json`, `no-request-id`, `late`")] = None
    detail: Annotated[str | None, record("one sentence")] = None
    cloud: Annotated[str | None, record('the cloud; `""` when it is unknown')] = None
    origin: Annotated[str | None, record("a queue's name, or `topic/partition/offset`")] = None
    received_at: Annotated[str | None, record("RFC 3339")] = None
    properties: Annotated[str | None, record("what came beside the body (AMQP properties), as JSON")] = None
    masked: Annotated[
        str | None,
        record(
            "`true`: credentials were masked in the body; `false`: it is what came. Absent in records of earlier"
            " versions"
        ),
    ] = None
    length: Annotated[
        str | None,
        record(
            "of the whole body as it came, in bytes. Only if it was cut or not kept; of a compressed body, as far as it"
            " was unpacked"
        ),
    ] = None
    sha256: Annotated[str | None, record("of the same bytes, credentials included")] = None
    topics: Annotated[
        str | None,
        record(
            "the topics that refused it, or had not taken it when one refused it, separated by commas. Absent when it"
            " was sent to none"
        ),
    ] = None
    replayed: Annotated[
        str | None, record("only in the record of a replay: the PARTITION/OFFSET of the dead letter that was replayed")
    ] = None

    def encode(self) -> cloudevents.Headers:
        """Return them as Kafka's, in the order above."""
        return [(name, value.encode(errors="replace")) for name, value in to_builtins(self).items()]


def read_headers(texts: Mapping[str, str]) -> DeadLetterHeaders:
    """Return a record's headers, of all that it has, as text."""
    return convert(texts, DeadLetterHeaders)


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
        identity: what distinguishes it from every other dead letter, where that is known: one that is written a
            second time then has the same ``ce_id``. ``""``: each one is an event of its own.
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
        is_cut = len(whole) > MAX_BYTES or is_withheld
        ours = DeadLetterHeaders(
            reason=self.reason,
            detail=self.detail[:MAX_DETAIL_CHARS],
            cloud=self.cloud,
            origin=self.origin,
            received_at=self.received_at,
            properties=_bounded(orjson.dumps(self.properties, default=str)).decode(),
            masked="false" if whole.startswith(self.body) and not is_withheld else "true",
            length=str(len(whole)) if is_cut else None,
            sha256=hashlib.sha256(whole).hexdigest() if is_cut else None,
            topics=",".join(sorted(self.topics)) or None,
        )
        event = cloudevents.headers(
            event_id=str(_id_of(self.identity) if self.identity else uuid4()),
            source_path=cloudevents.source("precache", self.cloud),
            event_type=DEADLETTER_TYPE,
            subject=self.origin,
            time=self.received_at,
        )
        return event + ours.encode()


class ReplayRecord(Struct, frozen=True, kw_only=True):
    """Says that a dead letter was replayed: a record of ``precache.deadletters`` like the letter itself."""

    replayed: Annotated[str, record("the PARTITION/OFFSET of the dead letter")]
    message_id: Annotated[str, record("of the notification that was sent")]
    topic: Annotated[str, record("where it was sent to")]
    time: Annotated[str, record("when", "RFC 3339")]


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
    value = encode(ReplayRecord(replayed=place, message_id=message_id, topic=topic, time=time))
    return cloud.encode(), value, headers + DeadLetterHeaders(replayed=place, cloud=cloud).encode()


def _bounded(properties: bytes) -> bytes:
    if len(properties) <= MAX_PROPERTIES_BYTES:
        return properties
    beginning = properties[: MAX_PROPERTIES_BYTES // 2].decode(errors="ignore")
    return orjson.dumps({"cut": beginning, "length": len(properties)})


def _id_of(identity: str) -> UUID:
    """Return an id in the form of version 4, as all dead letters bear, with a hash in the place of the random bits."""
    return UUID(bytes=hashlib.sha256(identity.encode(errors="replace")).digest()[:16], version=4)
