"""From a record that is one point to its row: boots (``nova.instances``) and wanted images (``precache.wanted``). Pure.

Such records need no state: each has its own key in the store, and the same record is the same row.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import DecodeError, ValidationError
from msgspec.json import Decoder

from precache.contract.identity import SEPARATOR
from precache.contract.nova import BOOT_ERROR, BOOTS, PAYLOAD_MAJOR, InstanceNotification, error_text
from precache.contract.tables.boot import Boot
from precache.contract.tables.measurements import Row
from precache.contract.times import ns_from_rfc3339, point_time_ns, spare_digits
from precache.contract.topics import Role
from precache.contract.wanted import Wanted
from processor.core.explain import EARLIEST, LATEST, Unreadable, shown
from processor.core.records import to_ns

_decode_instance: Final = Decoder(InstanceNotification).decode
_decode_wanted: Final = Decoder(Wanted).decode


def boot_row(key: bytes | None, value: bytes) -> Row | None:
    """Return the row of a boot; ``None`` for one from a volume, for one that no host took, and for other events.

    Args:
        key: ``CLOUD/INSTANCE_UUID``.
        value: the notification.

    Raises:
        Unreadable: the record can't be used.
    """
    found = _decode_instance(value)
    payload = found.payload
    if found.event_type not in BOOTS:
        return None
    if payload.version.partition(".")[0] != PAYLOAD_MAJOR:
        text = f"payload.nova_object.version is {shown(payload.version)}, not {PAYLOAD_MAJOR}.x"
        raise Unreadable("unknown-version", text)
    instance = payload.data
    if not instance.image_uuid or not instance.host:
        return None
    if instance.created_at is None:
        raise Unreadable("undecodable", "payload.nova_object.data.created_at is missing: no duration without it")
    ended, created = _utc(found.timestamp), _utc(instance.created_at)
    record = Boot(
        cloud=(key or b"").decode().partition(SEPARATOR)[0],
        host=instance.host,
        image=instance.image_uuid,
        instance=instance.uuid,
        # Two clocks: that of nova-api, and the compute host's, which may be behind.
        duration_s=max(0.0, (ended - created).total_seconds()),
        result="error" if found.event_type == BOOT_ERROR else "active",
    )
    return Row(point_time_ns(to_ns(ended), spare_digits(instance.uuid)), record)


def wanted_row(_key: bytes | None, value: bytes) -> Row | None:
    """Return the row of a declared image on an aggregate.

    Raises:
        Unreadable: the record can't be used.
    """
    record = _decode_wanted(value)
    return Row(ns_from_rfc3339(record.time), record)


READERS: Final[Mapping[Role, Callable[[bytes | None, bytes], Row | None]]] = {
    "instances": boot_row,
    "wanted": wanted_row,
}


def point_row(role: Role, key: bytes | None, value: bytes | None) -> Row | None:
    """Return the row of a record of the topic with this role; ``None`` where it makes none, as a tombstone does.

    Raises:
        Unreadable: the record can't be used; carries the reason and the place.
    """
    if not value:
        return None
    try:
        return READERS[role](key, value)
    except ValidationError as error:
        raise Unreadable("undecodable", error_text(error)) from None
    # ValueError: no UTF-8, and times that are none.
    except (DecodeError, ValueError, RecursionError) as error:
        raise Unreadable("undecodable", str(error)) from None


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST < moment < LATEST:
        raise ValueError(f"a time that the stores can't hold: {moment.isoformat()}")
    return moment.astimezone(UTC)
