"""Where the demo leaves its file when nobody names one; earlier files do not pile up."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

_PREFIX: Final = "precache-demo-"
_FILE: Final = "demo.sqlite"
# Somebody may still look at an earlier one.
_OLD_S: Final = 3_600.0


def new_file() -> Path:
    """Return a file in a new folder, and remove the folders of this user's demos of more than an hour ago."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _is_old(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX)) / _FILE


def _is_old(folder: Path) -> bool:
    """Whether a folder holds nothing but a demo's file (and what SQLite keeps beside it), untouched for an hour."""
    try:
        files = list(folder.iterdir())
        newest = max(each.stat().st_mtime for each in [folder, *files])
        is_own = folder.stat().st_uid == os.getuid()
    except OSError:
        return False
    return is_own and all(each.name.startswith(_FILE) for each in files) and time.time() - newest > _OLD_S
