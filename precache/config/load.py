"""From a file to a model, or to every error that is in it."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from precache.config import document as documents
from precache.config.document import Document
from precache.config.errors import AT_KEY, BESIDE, ConfigError, Path

T = TypeVar("T", bound=BaseModel)

# pydantic's texts speak to programmers; these to whoever writes the file.
_TEXTS: Final[Mapping[str, str]] = {
    "missing": "is required",
    "string_type": "should be text (put it in quotes)",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "dict_type": "should hold keys and values",
    "model_type": "should hold keys and values",
    "model_attributes_type": "should hold keys and values",
    "union_tag_not_found": "is required",
}


def load(path: FilePath, model: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Read a configuration file into a model. Does no network.

    Args:
        path: the YAML file.
        model: a :class:`~precache.config.Block`.
        environ: what ``${VAR}`` is taken from; the process's environment by default.

    Raises:
        ConfigError: with every error of the file.
    """
    document, value = documents.read(path, environ)
    if value is None:
        raise ConfigError(_in_order(document))
    try:
        result = model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        for detail in details:
            # A list whose items are wrong is not short as well.
            if not (detail["type"] == "too_short" and any(_beneath(other, detail) for other in details)):
                _note(document, value, detail)
    else:
        if not document.errors:
            return result
    raise ConfigError(_in_order(document))


def top_level_keys(path: FilePath) -> frozenset[str]:
    """Return the keys at the top of a file, which show the kind of a file; empty when it can't be read."""
    _, value = documents.read(path)
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _in_order(document: Document) -> list[Any]:
    if not document.errors:
        document.error((), "is refused, but no error was named: please report this")
    return sorted(document.errors, key=lambda error: error.line)


def _beneath(detail: ErrorDetails, above: ErrorDetails) -> bool:
    return detail is not above and detail["loc"][: len(above["loc"])] == above["loc"]


def _note(document: Document, root: object, detail: ErrorDetails) -> None:
    path = _place(root, detail["loc"])
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        path = (*path, str(detail["ctx"]["discriminator"]).strip("'"))
    if detail["type"] == AT_KEY:
        path = (*path, str(detail["ctx"]["key"]))
    if detail["type"] == BESIDE:
        path = (*path[:-1], str(detail["ctx"]["key"]))
    if not any(path[:end] in document.unusable for end in range(1, len(path) + 1)):
        document.error(path, _words(detail))


def _place(root: object, loc: tuple[int | str, ...]) -> Path:
    """Return the key path in the file: pydantic's location less what is not in the file, such as a union's tag.

    The last part of it stays when it is no key of the file: it is the one that is missing.
    """
    path: list[str | int] = []
    value: Any = root
    for position, part in enumerate(loc):
        inside = (isinstance(part, str) and isinstance(value, dict) and part in value) or (
            isinstance(part, int) and isinstance(value, list) and part < len(value)
        )
        if inside:
            value = value[part]
            path.append(part)
        elif position == len(loc) - 1 and isinstance(value, dict) and part != "[key]":
            path.append(part)
    return tuple(path)


def _words(detail: ErrorDetails) -> str:
    if detail["type"] in _TEXTS:
        return _TEXTS[detail["type"]]
    if detail["type"] == "union_tag_invalid":
        return f"should be {' or '.join(str(detail['ctx']['expected_tags']).split(', '))}"
    if detail["type"] in {"too_short", "too_long"}:
        limit = detail["ctx"].get("min_length", detail["ctx"].get("max_length"))
        word = "at least" if detail["type"] == "too_short" else "at most"
        return f"should have {word} {limit} {'item' if limit == 1 else 'items'}, not {detail['ctx']['actual_length']}"
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if text.startswith("Input should be "):
        text = text.removeprefix("Input ")
    return text.replace("String should", "should", 1)
