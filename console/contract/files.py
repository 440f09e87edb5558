"""The files of the published contract, made from the code and written into a folder."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from console.contract import asyncapi, schemas
from console.contract.messages import MESSAGES
from precache.contract.tables.measurements import MEASUREMENTS, Measurement
from processor.stores.sqlite.schema import table_ddl, views_ddl

_WIDTH: Final = 118


def files() -> Iterator[tuple[str, str]]:
    """Yield every file: its path below the folder, and its text."""
    for message in MESSAGES:
        value = message.value()
        if value is not None:
            yield f"schemas/{message.name}.json", _json({"$schema": schemas.DRAFT} | value)
        yield f"schemas/{message.name}-headers.json", _json({"$schema": schemas.DRAFT} | message.headers())
    yield "asyncapi.yaml", _yaml(asyncapi.document(examples()))
    yield "store/influxdb.json", _json({each.name: _line_protocol(each) for each in MEASUREMENTS})
    yield "store/sqlite.sql", _sql()


def write(folder: Path) -> int:
    """Write every file below a folder, which is made if need be; returns how many.

    Raises:
        OSError: a file can't be written.
    """
    made = dict(files())
    for name, text in made.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return len(made)


def examples() -> dict[str, dict[str, Any]]:
    """Return a real record of each message: `key` and `headers` as text, and `payload` where the value is JSON."""
    text = resources.files(__package__).joinpath("examples.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def _line_protocol(measurement: Measurement) -> dict[str, Any]:
    return {
        "tags": {tag.name: {"description": tag.meaning} for tag in measurement.tags},
        "fields": {
            field.name: {
                "type": field.kind.value,
                **({"unit": field.unit} if field.unit else {}),
                "description": field.meaning,
                "since": "1.1" if field.added else "1.0",
            }
            for field in measurement.fields
        },
    }


def _sql() -> str:
    statements = [*map(table_ddl, MEASUREMENTS), *views_ddl()]
    return "".join(f"{statement};\n\n" for statement in statements).rstrip("\n") + "\n"


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


class _Plain(yaml.SafeDumper):
    """Writes every part out where it stands, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own signature
        """Return that nothing is referred to."""
        return True


def _yaml(content: Any) -> str:
    text: str = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text
