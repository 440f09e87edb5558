"""Where the servers' programs and data lie, and the locks that keep two runs from doing the same work at once.

Data lies in memory where there is room, and memory is what servers and tests run in: so what a killed run has left
there is cleared away before more is put beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parents[2]

# A file system in memory. Three servers that sync to disk after every write are slow beside each other, and data of
# tests need not outlast the machine; they outlast a killed server all the same.
_MEMORY: Final = Path("/dev/shm")
# Servers, tests and data together stay below this.
_ROOM_BYTES: Final = 8 * 1024**3

_print_lock = threading.Lock()


def emit(server: str, text: str) -> None:
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
    places = [_in_memory() / key, cache_dir() / "state" / key]
    # What was begun in one place goes on there, however much memory is free by now.
    begun = next((place for place in places if place.is_dir()), None)
    path = begun or places[0 if has_room() else 1]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def scratch_dir(owner: int) -> Path:
    """Make a folder for one run: in memory where there is room. The run removes it; should it be killed, a later one.

    Args:
        owner: the process that the run ends with.
    """
    base = _in_memory() if has_room() else cache_dir()
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"run-{owner}-", dir=base))


def clear_away(is_in_use: Callable[[Path], bool]) -> None:
    """Remove what runs that were killed have left in memory.

    Args:
        is_in_use: whether the servers of a state folder run.
    """
    for folder in _in_memory().glob("*"):
        if folder.name.startswith("run-"):
            is_left = not Path(f"/proc/{folder.name.split('-')[1]}").exists()
        else:
            is_left = folder != state_dir() and not _is_locked(folder / "lock") and not is_in_use(folder)
        if is_left:
            emit("memory", f"removing what a run that was killed has left in {folder}")
            shutil.rmtree(folder, ignore_errors=True)


def _is_locked(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _in_memory() -> Path:
    return _MEMORY / f"precache-tests-{os.getuid()}"


def has_room() -> bool:
    """Whether data may lie in memory: that the file system has room for it does not say that the machine has."""
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        return False
    return min(shutil.disk_usage(_MEMORY).free, _available_bytes()) > _ROOM_BYTES


def _available_bytes() -> int:
    """Memory that processes can still have, as the kernel estimates it."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return 0


@contextlib.contextmanager
def locked(path: Path, *, waiting: str) -> Iterator[None]:
    """Hold a lock file, waiting for whoever has it; the kernel lets go of it when its holder dies."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            emit("lock", waiting)
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
