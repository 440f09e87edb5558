"""What this processor could not use, as dead letters, credentials masked.

The bridge lets no credentials through. But others may write to ``nova.notifications``, and what they write by mistake
ends here.
"""

from typing import Final

import msgspec

from precache.contract.deadletters import MAX_BYTES, DeadLetter
from precache.contract.identity import SEPARATOR
from precache.contract.operation import ImageResult, Operation
from precache.contract.progress import Progress
from precache.contract.tables.measurements import BY_RECORD
from precache.contract.times import rfc3339_ms
from precache.runtime.byte_masking import mask, mask_beginning
from processor.core.effects import Refused
from processor.stores.api import RefusedRow

REFUSED_POINT: Final = "refused-point"
# A foreign record's key may be as long as a record: in full, in several headers, it would not fit into one.
_KEY_CHARS: Final = 1_000
_OF_OPERATIONS: Final = (Progress, Operation, ImageResult)


def of_record(refused: Refused, topic: str, partition: int) -> DeadLetter:
    """Return the dead letter of a record of the input: its value as it came, but for credentials."""
    origin = f"{topic}/{partition}/{refused.offset}"
    key = mask_beginning(refused.key or b"", 4 * _KEY_CHARS).decode(errors="replace")[:_KEY_CHARS]
    return DeadLetter(
        reason=refused.reason,
        detail=_masked(refused.detail),
        cloud=key.partition(SEPARATOR)[0],
        origin=origin,
        received_at=rfc3339_ms(refused.ts_ms),
        body=mask_beginning(refused.value, MAX_BYTES),
        whole=refused.value,
        properties={"key": key},
        identity=f"{origin} {refused.ts_ms} {refused.reason}",
    )


def of_row(
    refused: RefusedRow, origin: str, at_ms: int, *, body: bytes | None = None, sequence: int | None = None
) -> DeadLetter:
    """Return the dead letter of a row that the store will never take.

    Args:
        refused: the row, and the store's reason.
        origin: ``topic/partition/offset`` of what it was made from.
        at_ms: the record's timestamp, or the partition's clock.
        body: what it was made from, if that is at hand; else the row itself.
        sequence: of the operation's last record, when the row is an operation's.
    """
    record = refused.row.record
    measurement = BY_RECORD[type(record)].name
    image = record.image if isinstance(record, ImageResult) else ""
    whole = msgspec.json.encode(record) if body is None else body
    return DeadLetter(
        reason=REFUSED_POINT,
        detail=_masked(refused.why),
        cloud=record.cloud,
        origin=origin,
        received_at=rfc3339_ms(at_ms),
        body=mask_beginning(whole, MAX_BYTES),
        whole=whole,
        properties={"operation": record.operation} if isinstance(record, _OF_OPERATIONS) else {"row": measurement},
        identity=f"{origin} {measurement} {refused.row.time_ns} {sequence or 0} {image}",
    )


def _masked(text: str) -> str:
    return mask(text.encode(errors="replace")).decode(errors="replace")
