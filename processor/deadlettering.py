"""What this processor could not use, as dead letters, credentials masked.

The bridge lets no credentials through. But others may write to ``nova.notifications``, and what they write by mistake
ends here.
"""

from typing import Final

import orjson

from precache.contract.deadletters import DeadLetter
from precache.contract.identity import SEPARATOR
from precache.contract.times import rfc3339_ms
from precache.service.bytemasking import mask
from processor.core.effects import Refused
from processor.stores import BridgeRow, ImageRow, RefusedRow

REFUSED_POINT: Final = "refused-point"
# A foreign record's key may be as long as a record: in full, in several headers, it would not fit into one.
_KEY_CHARS: Final = 1_000


def of_record(refused: Refused, topic: str, partition: int) -> DeadLetter:
    """Return the dead letter of a record of the input: its value as it came, but for credentials."""
    origin = f"{topic}/{partition}/{refused.offset}"
    key = mask(refused.key or b"")[: 4 * _KEY_CHARS].decode(errors="replace")[:_KEY_CHARS]
    return DeadLetter(
        reason=refused.reason,
        detail=_masked(refused.detail),
        cloud=key.partition(SEPARATOR)[0],
        origin=origin,
        received_at=rfc3339_ms(refused.ts_ms),
        body=mask(refused.value),
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
    row = refused.row
    image = row.image if isinstance(row, ImageRow) else ""
    return DeadLetter(
        reason=REFUSED_POINT,
        detail=_masked(refused.why),
        cloud=row.cloud,
        origin=origin,
        received_at=rfc3339_ms(at_ms),
        body=mask(orjson.dumps(row._asdict()) if body is None else body),
        properties={"row": type(row).__name__} if isinstance(row, BridgeRow) else {"operation": row.operation},
        identity=f"{origin} {type(row).__name__} {row.time_ns} {sequence or 0} {image}",
    )


def _masked(text: str) -> str:
    return mask(text.encode(errors="replace")).decode(errors="replace")
