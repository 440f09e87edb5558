"""What a payload must look like, and which resource it is about.

Source: Nova's ``notifications/objects/*.py``. Every payload is a versioned object: ``nova_object.name``,
``nova_object.namespace``, ``nova_object.version`` and the fields in ``nova_object.data``.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import ValidationError, convert

from bridge.decode import reasons
from bridge.decode.poison import Poison
from precache.contract import nova

# The fields that name what a notification is about, the most specific first. `uuid` is an instance's, an aggregate's, a
# server group's, a service's; the others stand where there is no uuid: BDM and volume usage, flavor, keypair,
# host-bound events.
_RESOURCE_FIELDS: Final = ("uuid", "instance_uuid", "flavorid", "volume_id", "name", "host", "host_name", "ip")

_MAJOR: Final = nova.PAYLOAD_MAJOR + "."
_FIELDS: Final[dict[str, type[nova.AggregateFields | nova.ProgressFields]]] = {
    nova.START: nova.AggregateFields,
    nova.END: nova.AggregateFields,
    nova.PROGRESS: nova.ProgressFields,
}


def check(event_type: str, payload: Any) -> str:
    """Return the resource that a payload is about, ``""`` when it names none.

    Payloads of image pre-caching are checked field by field, since the processor reads them; of others only that they
    are versioned objects.

    Raises:
        Poison: it is not a versioned object, of an unknown major version, or a field is missing or of a wrong type.
    """
    data = _data(payload)
    fields = _FIELDS.get(event_type)
    if fields is None:
        return _resource(data)
    version = payload["nova_object.version"]
    if not version.startswith(_MAJOR):
        raise Poison(
            reasons.PAYLOAD_VERSION, f"nova_object.version {version[:20]!r}: only {nova.PAYLOAD_MAJOR}.x is read"
        )
    try:
        return convert(data, fields).uuid
    except ValidationError as error:
        raise Poison(reasons.PAYLOAD_FIELD, nova.error_text(error, "payload.nova_object.data")) from None


def type_name(value: object) -> str:
    """Return what JSON calls a value's type, with an article."""
    if value is None:
        return "null"
    return _TYPE_NAMES.get(type(value), "something else")


_TYPE_NAMES: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def _data(payload: Any) -> Mapping[str, Any]:
    if payload is None:
        raise Poison(reasons.MISSING_FIELD, "payload is missing")
    if type(payload) is not dict:
        raise Poison(reasons.FIELD_TYPE, f"payload is {type_name(payload)}, not an object")
    data = payload.get("nova_object.data")
    if type(data) is not dict or type(payload.get("nova_object.version")) is not str:
        raise Poison(
            reasons.NOT_VERSIONED,
            "payload has no nova_object.data with a nova_object.version: unversioned notifications are not read"
            " (nova.conf [notifications] notification_format must be versioned or both)",
        )
    if type(payload.get("nova_object.name")) is not str:
        raise Poison(reasons.NOT_VERSIONED, "payload has no nova_object.name")
    return data


def _resource(data: Mapping[str, Any]) -> str:
    for field in _RESOURCE_FIELDS:
        value = data.get(field)
        if type(value) is str and value:
            return value
    return ""
