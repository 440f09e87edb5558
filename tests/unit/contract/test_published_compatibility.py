"""What a later 1.x may change in the published schemas: it may add. The schemas of each release are kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from console.contract.files import files

RELEASES: Final = Path(__file__).parents[2] / "data" / "contract"
ALLOWED: Final = "within version 1 a key may be added; none is removed, renamed or retyped, and none becomes optional"
NOTES: Final = {"description", "title", "default", "x-unit", "$schema"}


def broken_promises(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Yield what a reader of an older schema may no longer rely on."""
    for name, part in old.get("properties", {}).items():
        where = f"{place}.{name}".lstrip(".")
        if name not in new.get("properties", {}):
            yield f"{where} is gone: {ALLOWED}"
        else:
            yield from broken_promises(part, new["properties"][name], where)
    for name in set(old.get("required", ())) - set(new.get("required", ())):
        yield f"{place}.{name}".lstrip(".") + f" may be absent now: {ALLOWED}"
    kept = {key: value for key, value in old.items() if key not in NOTES | {"properties", "required"}}
    changed = {key: value for key, value in new.items() if key not in NOTES | {"properties", "required"}}
    if kept != changed:
        yield f"{place or 'the value'} has another type: {kept} is now {changed}: {ALLOWED}"


@pytest.mark.parametrize("release", sorted(path.name for path in RELEASES.iterdir() if path.is_dir()))
def test_what_a_release_promised_still_holds(release: str) -> None:
    made = {name: text for name, text in files() if name.startswith("schemas/")}
    kept = sorted((RELEASES / release).glob("*.json"))
    assert len(kept) > 15
    for file in kept:
        name = f"schemas/{file.name}"
        assert name in made, f"{name} is gone: {ALLOWED}"
        assert list(broken_promises(json.loads(file.read_text()), json.loads(made[name]))) == []


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (_object(host=TEXT), "inside is gone"),
        (_object(host=TEXT, within=_object(count=NUMBER)), "inside is gone"),
        (_object(host=NUMBER, inside=_object(count=NUMBER)), "host has another type"),
        (_object(host=TEXT, inside=_object(count=TEXT)), "inside.count has another type"),
        (_object(host=TEXT, inside=_object(count=NUMBER)) | {"required": ["host"]}, "inside may be absent"),
    ],
    ids=["removed", "renamed", "retyped", "retyped inside", "optional"],
)
def test_a_promise_that_breaks_is_named(new: dict[str, Any], words: str) -> None:
    found = list(broken_promises(_object(host=TEXT, inside=_object(count=NUMBER)), new))
    assert found
    assert found[0].startswith(words)
    assert ALLOWED in found[0]


def test_an_addition_breaks_nothing() -> None:
    old = _object(host=TEXT)
    assert list(broken_promises(old, _object(host=TEXT | {"description": "other words"}, more=NUMBER))) == []
