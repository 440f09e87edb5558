"""CloudEvents 1.0 over Kafka in binary mode: attributes in headers, the data alone in the value.

Source: CloudEvents 1.0.2 and its Kafka protocol binding (attribute names carry the prefix ``ce_``).
"""

from typing import Final
from urllib.parse import quote

SPEC_VERSION: Final = b"1.0"
CONTENT_TYPE: Final = b"application/json"

Headers = list[tuple[str, bytes]]


def source(*segments: str) -> str:
    """Return a ``ce_source`` path such as ``/clouds/paris/nova-api:ctrl01``, each segment percent-encoded."""
    return "".join("/" + quote(segment, safe=":@-._~") for segment in segments)


def headers(*, event_id: str, source_path: str, event_type: str, subject: str, time: str) -> Headers:
    """Return the Kafka headers of one event.

    Args:
        event_id: ``ce_id``; unique within the source, equal for a repeated delivery of the same event.
        source_path: ``ce_source``, as made by :func:`source`.
        event_type: ``ce_type``, such as ``io.precache.progress.v1``.
        subject: ``ce_subject``: what the event is about; the record's key as text, as a rule.
        time: ``ce_time``: RFC 3339 in UTC, ending in ``Z``.
    """
    return [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", event_id.encode()),
        ("ce_source", source_path.encode()),
        ("ce_type", event_type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", time.encode()),
        ("content-type", CONTENT_TYPE),
    ]
