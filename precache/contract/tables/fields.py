"""What a key of a record means, where it is kept, and in which unit: said once, beside the key itself.

A record is one ``msgspec.Struct``. Each of its keys is annotated by one function of this module. From that follow the
Kafka record, the row in the store, SQLite's columns, the JSON Schemas and the tables of ``docs/schema.md``.
"""

from typing import Any, Final

from msgspec import Meta

# What InfluxDB and SQLite hold.
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

# The keys of `extra` in a key's Meta.
ROLE: Final = "role"
UNIT: Final = "unit"

TAG: Final = "tag"  # part of a point's identity in the store
FIELD: Final = "field"  # kept in the store
NAMES: Final = "names"  # the same: a list that is cut at a whole name, beside a field that counts all
RECORD: Final = "record"  # in the Kafka record alone


def tag(meaning: str, **bounds: Any) -> Meta:
    """Annotate a key that is part of a point's identity in the store; ``bounds`` are msgspec's constraints."""
    return _meta(TAG, meaning, **bounds)


def field(meaning: str, unit: str = "", **bounds: Any) -> Meta:
    """Annotate a key that is kept in the store; ``bounds`` are msgspec's constraints."""
    return _meta(FIELD, meaning, unit, **bounds)


def names(meaning: str) -> Meta:
    """Annotate a list of hosts: the store cuts it at a whole name, and a count stands in a field beside it."""
    return _meta(NAMES, meaning)


def record(meaning: str, unit: str = "", **bounds: Any) -> Meta:
    """Annotate a key of the Kafka record that the store has no field for; ``bounds`` are msgspec's constraints."""
    return _meta(RECORD, meaning, unit, **bounds)


def _meta(role: str, meaning: str, unit: str = "", **bounds: Any) -> Meta:
    extra: dict[str, Any] = {ROLE: role, UNIT: unit}
    # The unit also stands in the JSON Schema.
    schema = {"x-unit": unit} if unit else None
    return Meta(description=meaning, extra=extra, extra_json_schema=schema, **bounds)
