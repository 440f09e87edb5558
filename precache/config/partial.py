"""Loads those blocks of a file that a command needs: a secret that is unset in another block is in nobody's way."""

import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from precache.config.errors import ConfigError
from precache.config.load import load

T = TypeVar("T", bound=BaseModel)

# What stands for an unset variable in a block that a command does not use.
_UNUSED: Final = "unset"


class Lenient(Mapping[str, str]):
    """An environment in which every variable is set."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def __getitem__(self, name: str) -> str:
        return self._environ.get(name) or _UNUSED

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


def load_blocks(path: Path, model: type[T], blocks: AbstractSet[str], environ: Mapping[str, str] | None = None) -> T:
    """Read a file into a model; variables that are unset outside these blocks don't matter.

    Args:
        path: the YAML file.
        model: a :class:`~precache.config.Block`; the type of a block that is not needed is ``Any``.
        blocks: the top-level keys that the caller uses.
        environ: what ``${VAR}`` is taken from; the process's environment by default.

    Raises:
        ConfigError: with the errors of these blocks; or, where they have none, with those of the file's form.
    """
    try:
        return load(path, model, environ)
    except ConfigError as error:
        ours = [
            problem for problem in error.errors if problem.path.partition(".")[0].partition("[")[0] in {"", *blocks}
        ]
        if ours:
            raise ConfigError(ours) from error
    return load(path, model, Lenient(environ))
