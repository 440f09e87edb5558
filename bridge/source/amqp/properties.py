"""AMQP basic properties as JSON can hold them, for whoever reads a dead letter."""

from typing import Any, Final

from pika import spec
from pika.exceptions import AMQPError

# Headers may nest as deep as a frame is long; writers and readers of JSON go a few hundred levels deep.
_MAX_DEPTH: Final = 32


def decode(raw: bytes) -> dict[str, Any]:
    """Return the properties that are set, by name; what can't be read is shown as hexadecimal digits under ``raw``."""
    properties = spec.BasicProperties()
    try:
        properties.decode(raw)
    except (AMQPError, ValueError, IndexError, KeyError, TypeError, Exception):  # noqa: BLE001 - bytes from anywhere
        return {"raw": raw.hex()}
    return {name: _jsonable(value) for name, value in vars(properties).items() if value is not None}


def _jsonable(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict | list | tuple) and depth == _MAX_DEPTH:
        return "nested deeper than is shown"
    if isinstance(value, dict):
        return {str(key): _jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
