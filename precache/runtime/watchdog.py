"""Notices a thread that hangs in a call that never returns: says where, and ends the process with exit code 1.

Python can't end a thread. A process that ended is started again by its supervisor, and nothing is lost: what was not
committed, or not acknowledged, is done again.

Time is counted in the watchdog's own steps, so a process that was stopped for a while, or a machine that slept, does
not look like one that hangs.
"""

import faulthandler
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from precache.runtime.logs import log

_STEP_S: Final = 1.0
# The log may hang, too: its reader, or the thread that holds its lock.
_LOG_S: Final = 3.0
_EXIT_CODE: Final = 1


@dataclass(frozen=True, slots=True)
class WatchdogLimits:
    """For how long a watched loop may be silent. In seconds.

    Attributes:
        round_s: without a turn: the process is not ready.
        beat_s: without a beat, also within a round: the process is not healthy. Longer than anything may take.
        end_s: without a beat: the process ends.
        frozen_s: the interpreter itself stands still (a call that keeps Python's lock): the process ends. So does one
            that was stopped for that long (SIGSTOP). ``None``: that is not looked for.
    """

    round_s: float = 30.0
    beat_s: float = 120.0
    end_s: float = 180.0
    frozen_s: float | None = 300.0


@dataclass(frozen=True, slots=True)
class Hang:
    """A loop that hangs.

    Attributes:
        loop: its name.
        silent_s: for how many seconds.
        stack: where its thread stands, the innermost call last; empty when it has ended.
    """

    loop: str
    silent_s: float
    stack: list[str]

    def __str__(self) -> str:
        place = self.stack[-1] if self.stack else "no thread"
        return f"{self.loop} hangs for {self.silent_s:.0f} s in {place}"


class Watched:
    """A loop that is watched. ``beat`` and ``round_ended`` are for its own thread, and cost next to nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.silent_s = 0.0
        self.since_round_s = 0.0
        self._beats = self._rounds = 0
        self._seen = (0, 0)
        self._thread = threading.get_ident()

    def beat(self) -> None:
        """Say that the thread goes on: a call returned, and another one is made."""
        self._beats += 1
        self._thread = threading.get_ident()

    def round_ended(self) -> None:
        """Say that a turn of the loop ended."""
        self._rounds += 1
        self.beat()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, unless there was a beat or a turn since this was last called."""
        beats, rounds = self._beats, self._rounds
        self.silent_s = self.silent_s + seconds if beats == self._seen[0] else 0.0
        self.since_round_s = self.since_round_s + seconds if rounds == self._seen[1] else 0.0
        self._seen = beats, rounds

    def hang(self) -> Hang:
        """Return where the thread stands now."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - the only way to another thread's stack
        frames = traceback.extract_stack(frame) if frame is not None else []
        return Hang(self.name, self.silent_s, [f"{at.filename}:{at.lineno} {at.name}" for at in frames])


def end_process(hang: Hang) -> None:
    """Log where a loop hangs, and end the process with exit code 1, whatever the log does."""

    def write_log() -> None:
        log.error(
            "watchdog.hanging",
            loop=hang.loop,
            seconds=round(hang.silent_s),
            stack=hang.stack,
            advice="the process ends with exit code 1; its supervisor should start it again; nothing is lost",
        )

    logging_thread = threading.Thread(target=write_log, name="watchdog-log", daemon=True)
    logging_thread.start()
    logging_thread.join(_LOG_S)
    os._exit(_EXIT_CODE)


class Watchdog:
    """Watches the loops of a process. Safe in any thread.

    Args:
        limits: how long they may be silent.
        end: called with the first one that is silent for too long.
    """

    def __init__(self, limits: WatchdogLimits | None = None, end: Callable[[Hang], None] = end_process) -> None:
        self._limits = limits or WatchdogLimits()
        self._end = end
        self._lock = threading.Lock()
        self._watched: list[Watched] = []

    def watch(self, name: str) -> Watched:
        """Watch one more loop, from now on."""
        watched = Watched(name)
        with self._lock:
            self._watched.append(watched)
        return watched

    def forget(self, watched: Watched) -> None:
        """Watch a loop no longer: it ended."""
        with self._lock:
            self._watched.remove(watched)

    @contextmanager
    def call(self, name: str) -> Iterator[Watched]:
        """Watch what is done inside of the ``with``: one call, or several in a row with a beat between them."""
        watched = self.watch(name)
        try:
            yield watched
        finally:
            self.forget(watched)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and end the process when a loop is silent for too long."""
        for watched in self._all():
            watched.pass_time(seconds)
            if watched.silent_s >= self._limits.end_s:
                self._end(watched.hang())

    def stale(self) -> dict[str, str]:
        """Return the loops that end no turn, with words for ``/readyz``."""
        return {
            each.name: f"no round has ended for {each.since_round_s:.0f} s"
            for each in self._all()
            if each.since_round_s >= self._limits.round_s
        }

    def sick(self) -> str:
        """Return which loop hangs, in words for ``/healthz``; ``""`` while none does."""
        return "; ".join(str(each.hang()) for each in self._all() if each.silent_s >= self._limits.beat_s)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep watch inside of the ``with``, in a thread."""
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,), name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _run(self, over: threading.Event) -> None:
        step_s = min(_STEP_S, self._limits.round_s / 4)
        before = monotonic()
        try:
            while not over.wait(step_s):
                if self._limits.frozen_s is not None:
                    # Whoever keeps Python's lock holds up this thread, too; the timer needs no lock.
                    faulthandler.dump_traceback_later(self._limits.frozen_s, exit=True)
                now = monotonic()
                self.pass_time(min(now - before, 2 * step_s))
                before = now
        finally:
            if self._limits.frozen_s is not None:
                faulthandler.cancel_dump_traceback_later()

    def _all(self) -> list[Watched]:
        with self._lock:
            return list(self._watched)
