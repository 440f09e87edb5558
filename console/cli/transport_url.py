"""A transport URL for a command: from an option, a file, or the environment. It may hold a password."""

import os
from pathlib import Path
from typing import Final

from console.cli.exits import USAGE, CommandError

VARIABLE: Final = "PRECACHE_TRANSPORT_URL"
_MAX_CHARS: Final = 64 * 1024


def given(url: str | None, file: Path | None) -> str | None:
    """Return the URL that an option or a file gives, else the environment's; ``None`` when there is none.

    Raises:
        CommandError: both are given, or the file can't be read or is empty.
    """
    if url is not None and file is not None:
        raise CommandError("give either --transport-url or --transport-url-file, not both", USAGE)
    if file is not None:
        return from_file(file)
    return url or os.environ.get(VARIABLE) or None


def from_file(file: Path) -> str:
    """Return the URL that a file holds, less the blanks and line ends around it.

    Raises:
        CommandError: it can't be read, or is empty.
    """
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(_MAX_CHARS).strip()
    except OSError as error:
        raise CommandError(f"--transport-url-file {file} cannot be read: {error.strerror}", USAGE) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"--transport-url-file {file} does not hold UTF-8 text", USAGE) from error
    if not text:
        raise CommandError(f"--transport-url-file {file} is empty", USAGE)
    return text
