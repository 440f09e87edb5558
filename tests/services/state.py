"""Where the servers' programs and data lie, and the locks that keep two runs from doing the same work at once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]

# A file system in memory. Three servers that sync to disk after every write are slow beside each other, and data of
# tests need not outlast the machine; they outlast a killed server all the same.
_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 4 * 1024**3

_print_lock = threading.Lock()


def say(server: str, text: str) -> None:
    """Report progress on stderr: stdout belongs to the `export` lines."""
    with _print_lock:
        print(f"services: {server}: {text}", file=sys.stderr, flush=True)  # noqa: T201 - a command's own output


def cache_dir() -> Path:
    """Where programs are kept for every checkout, so that only the first run has to fetch and build them."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "precache-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


def state_dir() -> Path:
    """Data, logs and process numbers of this checkout's servers: two checkouts never share a server."""
    key = hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
    places = [_MEMORY / f"precache-tests-{os.getuid()}" / key, cache_dir() / "state" / key]
    # What was begun in one place goes on there, however much memory is free by now.
    begun = next((place for place in places if place.is_dir()), None)
    path = begun or places[0 if _has_room(_MEMORY) else 1]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM_BYTES


@contextlib.contextmanager
def locked(path: Path, *, waiting: str) -> Iterator[None]:
    """Hold a lock file, waiting for whoever has it; the kernel lets go of it when its holder dies."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("lock", waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_json(path: Path) -> dict[str, Any]:
    """Read what was written; nothing was, when the file is missing or cut short."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file as a whole or not at all; it may hold passwords, so for its owner alone."""
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=1))
    draft.replace(path)
