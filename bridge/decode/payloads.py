"""What a payload must look like, and which resource it is about.

Source: Nova's ``notifications/objects/*.py``. Every payload is a versioned object: ``nova_object.name``,
``nova_object.namespace``, ``nova_object.version`` and the fields in ``nova_object.data``.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

from bridge.decode import reasons
from bridge.decode.poison import Poison
from precache.contract import nova

Check = Callable[[Any], bool]

# The fields that name what a notification is about, the most telling first. `uuid` is an instance's, an aggregate's, a
# server group's, a service's; the others stand where there is no uuid: BDM and volume usage, flavor, keypair,
# host-bound events.
_RESOURCE_FIELDS: Final = ("uuid", "instance_uuid", "flavorid", "volume_id", "name", "host", "host_name", "ip")


_STR_ALONE: Final = {str}


def _is_str(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_int_or_none(value: Any) -> bool:
    return value is None or type(value) is int


def _is_str_list(value: Any) -> bool:
    return type(value) is list and (not value or set(map(type, value)) == _STR_ALONE)


_AGGREGATE: Final[dict[str, tuple[Check, str]]] = {
    "id": (_is_int_or_none, "an integer or null"),
    "uuid": (_is_str, "a string"),
    "name": (_is_str, "a string"),
    "hosts": (_is_str_list, "a list of strings"),
}
_PROGRESS: Final[dict[str, tuple[Check, str]]] = {
    "id": (_is_int_or_none, "an integer or null"),
    "uuid": (_is_str, "a string"),
    "name": (_is_str, "a string"),
    "host": (_is_str, "a string"),
    "images_cached": (_is_str_list, "a list of strings"),
    "images_failed": (_is_str_list, "a list of strings"),
    "index": (_is_int, "an integer"),
    "total": (_is_int, "an integer"),
}
_PROGRESS_VALUES: Final = itemgetter(*_PROGRESS)
_PROGRESS_TYPES: Final = frozenset({(id_, str, str, str, list, list, int, int) for id_ in (int, type(None))})
_MAJOR: Final = nova.PAYLOAD_MAJOR + "."
_FIELDS: Final[dict[str, dict[str, tuple[Check, str]]]] = {
    nova.START: _AGGREGATE,
    nova.END: _AGGREGATE,
    nova.PROGRESS: _PROGRESS,
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
    if event_type != nova.PROGRESS or not _is_plain_progress(data):
        for name, (is_right, wanted) in fields.items():
            if not is_right(data.get(name)):
                raise Poison(reasons.PAYLOAD_FIELD, _wrong_field(name, data, wanted))
    uuid: str = data["uuid"]
    return uuid


def _is_plain_progress(data: Mapping[str, Any]) -> bool:
    """Whether a progress payload is right in every field; the same as the table says, in one look at all types."""
    try:
        values = _PROGRESS_VALUES(data)
    except KeyError:
        return False
    if tuple(map(type, values)) not in _PROGRESS_TYPES:
        return False
    _, uuid, name, host, cached, failed, _, _ = values
    return bool(uuid and name and host) and _is_str_list(cached) and _is_str_list(failed)


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


def _wrong_field(name: str, data: Mapping[str, Any], wanted: str) -> str:
    if name not in data:
        return f"payload: {name} is missing"
    value = data[name]
    found = "an empty string" if value == "" else type_name(value)
    if type(value) is list:
        found = "a list with something else in it"
    return f"payload: {name} is {found}, not {wanted}"


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
