"""Who is who: keys of records, the identity of an operation, and the ids of derived events."""

from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

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


def operation_namespace(operation: str) -> UUID:
    """Return the namespace in which the ids of one operation's derived events are made."""
    return uuid5(NAMESPACE_URL, operation)


def progress_event_id(namespace: UUID, message_id: str) -> str:
    """Return the ``ce_id`` of a progress record: the same whenever the same notification is processed again."""
    return str(uuid5(namespace, message_id))


def operation_event_id(namespace: UUID, sequence: int) -> str:
    """Return the ``ce_id`` of an operation's record number ``sequence`` (from 1)."""
    return str(uuid5(namespace, str(sequence)))
