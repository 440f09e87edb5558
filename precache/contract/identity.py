"""Who is who: keys of records, the identity of an operation, the ids of derived events, and the order of names."""

import re
from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_URL, uuid5

SEPARATOR: Final = "/"


def aggregate_key(cloud: str, aggregate_uuid: str) -> str:
    """Return the key of a notification in Kafka: all events of one aggregate share a partition, in order."""
    return f"{cloud}{SEPARATOR}{aggregate_uuid}"


def operation_id(cloud: str, aggregate_uuid: str, request_id: str) -> str:
    """Return ``CLOUD/AGGREGATE_UUID/REQUEST_ID``.

    The request id is the API call's, the same in every notification of one operation; two operations may run on one
    aggregate at once, and a request id is unique within its cloud only.
    """
    return f"{cloud}{SEPARATOR}{aggregate_uuid}{SEPARATOR}{request_id}"


def operation_namespace(operation: str) -> bytes:
    """Return the UUID, as 16 bytes, in which the ids of one operation's derived events are made."""
    return uuid5(NAMESPACE_URL, operation).bytes


def progress_event_id(namespace: bytes, message_id: str) -> str:
    """Return the ``ce_id`` of a progress record: the same whenever the same notification is processed again."""
    return _uuid5(namespace, message_id)


def operation_event_id(namespace: bytes, sequence: int) -> str:
    """Return the ``ce_id`` of an operation's record number ``sequence`` (from 1)."""
    return _uuid5(namespace, str(sequence))


def _uuid5(namespace: bytes, name: str) -> str:
    """Return ``str(uuid.uuid5(namespace, name))`` at a third of its cost: there is one for each host's report.

    With the standard library's own, the core's whole path of a report costs half as much again.

    Source: RFC 9562, section 5.5: SHA-1 of namespace and name, with the version (5) and the variant (binary 10) set.
    """
    digest = sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


_DIGITS: Final = re.compile(r"([0-9]+)")


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts ``db2`` before ``db10``; equal for equal names only."""
    # Digits by their count, then as text: that is their order as numbers, of any length.
    pieces = [piece.lstrip("0") if place % 2 else piece for place, piece in enumerate(_DIGITS.split(name))]
    return [(len(piece) if place % 2 else 0, piece) for place, piece in enumerate(pieces)], name
