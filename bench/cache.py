"""Where fetched peers are kept for every checkout, so that only the first run has to fetch and build them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class FetchError(RuntimeError):
    """A peer could not be fetched or built; the text holds the end of what the client said."""


def cache_dir() -> Path:
    """Return `${XDG_CACHE_HOME:-~/.cache}/precache-bench`, made when missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "precache-bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache; when it is missing, `make` fills it, and it appears as a whole or not at all."""
    finished = cache_dir() / name
    if finished.exists():
        return finished
    draft = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache_dir()))
    try:
        make(draft)
        draft.rename(finished)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return finished


def emit(text: str) -> None:
    """Report progress on stderr: stdout belongs to the results."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(argv: Sequence[str], **variables: str) -> None:
    """Run one step of a build.

    Raises:
        FetchError: it failed.
    """
    environment: Mapping[str, str] = os.environ | variables
    done = subprocess.run(argv, check=False, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise FetchError(f"`{' '.join(argv)}` failed:\n{(done.stdout + done.stderr)[-3000:]}")
