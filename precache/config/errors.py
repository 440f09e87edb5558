"""What is wrong with a configuration file: where, and what to write instead."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic_core import PydanticCustomError

AT_KEY: Final = "at_key"
BESIDE: Final = "beside"

Path = tuple[str | int, ...]

# How alike two keys must be before one is offered for the other: "prefech" and "prefetch" are 0.93 alike.
_ALIKE: Final = 0.6


@dataclass(frozen=True, slots=True, order=True)
class FileError:
    """One error in one file.

    Attributes:
        file: the file's name as the user gave it.
        line: from 1; 0 when the error is of the whole file.
        path: the key path, such as ``clouds[0].transport_url``; ``""`` for the whole file.
        text: what is wrong, and what would be right; never a secret's value.
    """

    file: str
    line: int
    path: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.text) if part)


class ConfigError(Exception):
    """A configuration that cannot be used. ``errors`` holds every one that was found, in the order of their lines."""

    def __init__(self, errors: Iterable[FileError]) -> None:
        self.errors: tuple[FileError, ...] = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


def error_at(key: str, text: str) -> PydanticCustomError:
    """Return what a model's validator raises when one of the model's keys is wrong, to have the error name that key.

    A check of one key belongs into that key's own type: a model's validator runs only once all its keys are good.
    """
    return PydanticCustomError(AT_KEY, "{text}", {"key": key, "text": text})


def error_beside(key: str, text: str) -> PydanticCustomError:
    """Return what the validator of one field raises to have the error name another key of the same block.

    For a check of several keys that is to run even when the rest of the block is wrong: put it on the last of them.
    """
    return PydanticCustomError(BESIDE, "{text}", {"key": key, "text": text})


def path_text(path: Path) -> str:
    """Return ``clouds[0].transport_url`` for ``("clouds", 0, "transport_url")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(key: str, known: Iterable[str]) -> str | None:
    """Return the known key that is most like this one, if any is like it at all."""
    return next(iter(difflib.get_close_matches(key, sorted(known), n=1, cutoff=_ALIKE)), None)


def unknown_key(key: str, known: Iterable[str], renamed: Mapping[str, str]) -> str:
    """Return the error text for a key that nobody knows; ``renamed`` maps keys of earlier versions to today's."""
    if key in renamed:
        return f"unknown key {key!r}; it is called {renamed[key]!r} now"
    known = sorted(known)
    near = nearest(key, known)
    if near is not None:
        return f"unknown key {key!r}; did you mean {near!r}?"
    return f"unknown key {key!r}; known here: {', '.join(known)}"
