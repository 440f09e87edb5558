"""Finds the operator's file, and refuses a file of another kind."""

import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from precache.config import ConfigError, FileError, top_level_keys
from precache.config.kinds import FILE_OF, Kind, kind_of_keys

NAME: Final = "precache.yaml"
VARIABLE: Final = "PRECACHE_CONFIG"
_SYSTEM: Final = Path("/etc/precache") / NAME


class NoFileError(Exception):
    """There is no operator's file in any of the usual places."""


def find(given: Path | None = None, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the operator's file; ``None`` when there is none.

    Args:
        given: the file that ``--config`` names; else PRECACHE_CONFIG names it, else it is the first that is there of
            ``./precache.yaml``, ``~/.config/precache/precache.yaml`` and ``/etc/precache/precache.yaml``.
        environ: the process's environment by default.

    A file that is named need not be there: reading it fails then.
    """
    environ = os.environ if environ is None else environ
    if given is not None:
        return given
    if named := environ.get(VARIABLE):
        return Path(named).expanduser()
    return next((path for path in _places(environ) if path.is_file()), None)


def require(
    given: Path | None = None, environ: Mapping[str, str] | None = None, also: AbstractSet[Kind] = frozenset()
) -> Path:
    """Return the operator's file, or one of these kinds. See :func:`find`.

    Raises:
        NoFileError: there is none; the text says where it may be.
        ConfigError: it is a file of another kind.
    """
    environ = os.environ if environ is None else environ
    path = find(given, environ)
    if path is None:
        places = ", ".join(map(str, _places(environ)))
        raise NoFileError(
            f"No {NAME} found: looked at {places}. Name one by --config or {VARIABLE}; "
            "config/precache.yaml is an example that explains itself"
        )
    refuse_other_kinds(path, also)
    return path


def refuse_other_kinds(path: Path, also: AbstractSet[Kind] = frozenset()) -> None:
    """Raise a :class:`ConfigError` for a file that can be read and is neither an operator's nor of these kinds."""
    keys = top_level_keys(path)
    kind = kind_of_keys(keys)
    if keys and kind not in {"operator", *also}:
        raise ConfigError(
            [
                FileError(
                    str(path), 0, "", f"is {FILE_OF[kind]}: this needs {FILE_OF['operator']}, with the key `operators`"
                )
            ]
        )


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path(NAME)
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    yield Path(home) / "precache" / NAME
    yield _SYSTEM
