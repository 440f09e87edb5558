"""Programs that are fetched or built once, and kept in the cache for every checkout."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .node import StartError, tail
from .process import own_environment
from .state import cache_dir, locked

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def made_once(name: str) -> Iterator[Path | None]:
    """Give an empty folder to fill, which becomes `name` in the cache when nothing fails; None when it is there.

    A build that is interrupted leaves nothing that a later run could take for the whole.
    """
    finished = cache_dir() / name
    with locked(cache_dir() / f"{name}.lock", waiting=f"another run is preparing {name}"):
        if finished.exists():
            yield None
            return
        draft = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache_dir()))
        try:
            yield draft
            draft.rename(finished)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def require(server: str, *tools: str) -> None:
    """Check that the tools which a build needs are there, and name all that are not."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        msg = f"preparing {server} needs {', '.join(missing)}: install it, or give the address of a running {server}"
        raise StartError(msg)


def run(argv: list[str], *, cwd: Path, log: Path, **variables: str) -> None:
    """Run one step of a build; its output goes to a log, whose end is in the error when it fails."""
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        env = own_environment(**variables)
        done = subprocess.run(
            argv, check=False, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if done.returncode != 0:
        msg = f"`{' '.join(argv)}` failed; the end of {log}:\n{tail(log)}"
        raise StartError(msg)
