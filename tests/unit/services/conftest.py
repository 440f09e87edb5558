"""Unit tests of the servers' starters never touch the folders of the servers that run."""

from pathlib import Path

import pytest

from tests.services import state


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have all state lie below the test's own folder; return the place that stands for the file system in memory."""
    monkeypatch.setattr(state, "_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(state, "_ROOM_BYTES", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory"
