"""What lies in memory: put there only where there is room, and cleared away once nobody uses it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.services import state


def ended_process() -> int:
    with subprocess.Popen(["true"]) as process:
        return process.pid


def test_a_run_that_was_killed_leaves_nothing_behind() -> None:
    killed, running = state.scratch_dir(ended_process()), state.scratch_dir(os.getpid())
    (killed / "data").write_text("much")
    state.clear_away(lambda _: False)
    assert not killed.exists()
    assert running.exists()


def test_the_servers_of_another_checkout_stay_while_they_run() -> None:
    own = state.state_dir()
    used, left = own.parent / "used", own.parent / "left"
    for folder in (used, left):
        folder.mkdir()
        (folder / "lock").touch()
    state.clear_away(lambda folder: folder == used)
    assert own.exists()
    assert used.exists()
    assert not left.exists()


def test_servers_that_another_checkout_is_starting_stay() -> None:
    starting = state.state_dir().parent / "starting"
    starting.mkdir()
    with state.locked(starting / "lock", waiting="nobody has it"):
        state.clear_away(lambda _: False)
    assert starting.exists()


@pytest.mark.parametrize("scarce", ["file system", "machine"])
def test_without_room_data_lies_in_the_cache(memory: Path, monkeypatch: pytest.MonkeyPatch, scarce: str) -> None:
    assert state.scratch_dir(1).is_relative_to(memory)
    if scarce == "machine":
        monkeypatch.setattr(state, "_available_bytes", lambda: 0)
    else:
        monkeypatch.setattr(state, "_ROOM_BYTES", 2**60)
    assert not state.scratch_dir(1).is_relative_to(memory)
    assert not state.state_dir().is_relative_to(memory)


def test_the_kernel_reports_how_much_memory_there_is() -> None:
    assert state._available_bytes() > 2**20
