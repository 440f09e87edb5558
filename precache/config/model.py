"""The base of every configuration model."""

import types
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Final, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from precache.config.document import Document, Map
from precache.config.errors import Path, nearest, unknown_key

TWIN: Final = "_file"
# A certificate with its chain has some kilobytes; more is a wrong path.
_MAX_SECRET_BYTES: Final = 256 * 1024


class Block(BaseModel):
    """A frozen part of a configuration file.

    Unknown keys are refused with the nearest known one. A field ``X`` of type ``SecretStr`` may be given as ``X_file``:
    a path (relative ones start at the configuration file's folder) whose content, less one newline at its end, is the
    value. A key with nothing after it (all below it commented out) has its default.

    A union of blocks needs a discriminator: each block that is tried notes its errors.

    Attributes:
        renamed: keys that earlier versions had, with today's name; an old key is refused with the new one.
        ignored: keys that are left unread, for a model that reads some blocks of a file alone.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    ignored: ClassVar[AbstractSet[str]] = frozenset()

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_document(cls, data: Any) -> Any:
        if not isinstance(data, Map):
            return data
        # `from` is no name that Python takes for a field.
        known = frozenset(field.alias or name for name, field in cls.model_fields.items())
        twins = {name + TWIN: name for name in secret_fields(cls)}
        kept = Map(data.document, data.path)
        for key, value in data.items():
            if key in known:
                if value is not None:
                    kept[key] = value
            elif key in cls.ignored:
                continue
            elif key not in twins:
                _note_unknown(data, key, known | twins.keys(), cls.renamed)
            elif twins[key] in data:
                data.document.error((*data.path, key), f"give either {twins[key]!r} or {key!r}, not both")
            else:
                _take_twin(kept, twins[key], key, value)
        for name in secret_fields(cls):
            if isinstance(kept.get(name), str):
                data.document.keep_secret(kept[name])
        return kept


@cache
def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of a model's fields that hold a secret."""
    return frozenset(name for name, field in model.model_fields.items() if _holds_secret(field.annotation))


def _holds_secret(annotation: Any) -> bool:
    if annotation is SecretStr:
        return True
    if get_origin(annotation) in {Union, types.UnionType, Annotated}:
        return any(map(_holds_secret, get_args(annotation)))
    return False


def _take_twin(kept: Map, name: str, key: str, value: object) -> None:
    secret = read_secret_file(kept.document, (*kept.path, key), value)
    if secret is None:
        kept.document.unusable.add((*kept.path, name))
    else:
        kept[name] = secret


def _note_unknown(data: Map, key: str, known: frozenset[str], renamed: Mapping[str, str]) -> None:
    data.document.error((*data.path, key), unknown_key(key, known, renamed))
    meant = renamed.get(key) or nearest(key, known)
    if meant is not None and meant not in data:
        # The key that was meant is there, if misspelt: to call it missing as well would report one error twice.
        data.document.unusable.add((*data.path, meant.removesuffix(TWIN)))
        data.document.unusable.add((*data.path, meant))


def read_secret_file(document: Document, path: Path, name: object) -> str | None:
    """Return what a ``*_file`` key points to, less one newline at its end; None, with an error noted, when it can't."""
    if path in document.unusable:
        return None
    if not isinstance(name, str) or not name:
        document.error(path, "should be the path of a file that holds the secret")
        return None
    file = document.folder / FilePath(name).expanduser()
    try:
        with file.open("rb") as stream:
            raw = stream.read(_MAX_SECRET_BYTES + 1)
        text = raw.decode()
    except OSError as error:
        document.error(path, f"{file} cannot be read: {error.strerror}")
        return None
    except UnicodeDecodeError:
        document.error(path, f"{file} does not hold UTF-8 text")
        return None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret or len(raw) > _MAX_SECRET_BYTES:
        document.error(path, f"{file} is {'empty' if not secret else 'too large for a secret'}")
        return None
    document.keep_secret(secret)
    return secret
