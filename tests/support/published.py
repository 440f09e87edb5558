"""Every record that a test reads from Kafka is held against the published contract."""

from functools import cache
from typing import Any, Final

import jsonschema_rs
import orjson
from confluent_kafka import Message

from console.contract.messages import MESSAGES, MessageSpec, is_of

_KNOWN: Final = tuple(each for each in MESSAGES if each.name != "other-notification")


class BrokenContractError(AssertionError):
    """A record is not as the contract has it."""


def check(message: Message) -> None:
    """Validate a record of precache: key, headers, value. What bears no known `ce_type` is left alone.

    Raises:
        BrokenContractError: naming the record and what is wrong.
    """
    headers: Any = message.headers() or []
    texts = {name: (value or b"").decode(errors="replace") for name, value in headers}
    spec = spec_of(texts.get("ce_type", ""))
    if spec is not None:
        key, value = message.key() or b"", message.value() or b""
        assert isinstance(key, bytes)
        errors = problems(spec, key, texts, value)
        if errors:
            place = f"{message.topic()}/{message.partition()}/{message.offset()}"
            raise BrokenContractError(f"{place} is no {spec.name}: {'; '.join(errors)}")


def spec_of(event_type: str) -> MessageSpec | None:
    """Return which kind of record a `ce_type` names."""
    return _by_type(event_type)


def problems(spec: MessageSpec, key: bytes, headers: dict[str, str], value: bytes) -> list[str]:
    """Return what is wrong with a record."""
    key_schema, header_schema, value_schema = _validators(spec)
    found = [f"key: {error.message}" for error in key_schema.iter_errors(key.decode(errors="replace"))]
    found += [f"header {_place(error)}: {error.message}" for error in header_schema.iter_errors(headers)]
    if value_schema is not None:
        found += [f"value {_place(error)}: {error.message}" for error in value_schema.iter_errors(orjson.loads(value))]
    return found


def _place(error: Any) -> str:
    return ".".join(map(str, error.instance_path))


@cache
def _by_type(event_type: str) -> MessageSpec | None:
    return next((each for each in _KNOWN if is_of(each, event_type)), None)


@cache
def _validators(spec: MessageSpec) -> tuple[Any, Any, Any]:
    value = spec.value()
    return (
        jsonschema_rs.validator_for({"type": "string", "pattern": spec.key[1]}),
        jsonschema_rs.validator_for(spec.headers()),
        None if value is None else jsonschema_rs.validator_for(value),
    )
