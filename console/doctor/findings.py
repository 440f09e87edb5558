"""What a check found, and checks that may take no longer than they should."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from console.cli.extras import missing
from precache.runtime.deadline import Deadline

State = Literal["ok", "WARN", "FAIL"]

# A check that hangs is reported after this time, and left behind: its thread dies with the process.
CHECK_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        what: what was looked at, such as ``paris: queue precache.info``.
        state: ``ok``; ``WARN``: it works, but look at it; ``FAIL``: it does not work.
        text: what was found.
        remedy: what to do; ``""`` when all is well.
    """

    what: str
    state: State
    text: str
    remedy: str = ""

    def as_object(self) -> dict[str, str]:
        """Return the finding as JSON has it."""
        return {"check": self.what, "state": self.state, "text": self.text, "remedy": self.remedy}


def ok(what: str, text: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(what, "ok", text)


def warn(what: str, text: str, remedy: str) -> Finding:
    """Return a finding of something to look at."""
    return Finding(what, "WARN", text, remedy)


def fail(what: str, text: str, remedy: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(what, "FAIL", text, remedy)


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        what: what it is called when it does not answer.
        look: looks, and returns what it found.
    """

    what: str
    look: Callable[[], list[Finding]]


def run_all(checks: Sequence[Check], limit_s: float = CHECK_S) -> list[Finding]:
    """Run all checks at once and return what they found, in their order; one that hangs is a finding of its own."""
    found: list[list[Finding]] = [[] for _ in checks]
    done = [threading.Event() for _ in checks]

    def look(number: int) -> None:
        try:
            found[number] = checks[number].look()
        except Exception as error:  # noqa: BLE001 - one check's error must not hide what the others found
            found[number] = [_broken(checks[number], error)]
        finally:
            done[number].set()

    threads = [
        threading.Thread(target=look, args=(number,), name=f"doctor-{number}", daemon=True)
        for number in range(len(checks))
    ]
    for thread in threads:
        thread.start()
    end = Deadline.after(limit_s)
    return [
        finding
        for number, check in enumerate(checks)
        for finding in (found[number] if done[number].wait(end.left()) else [_hangs(check, limit_s)])
    ]


def _hangs(check: Check, limit_s: float) -> Finding:
    text = f"no answer within {limit_s:.0f} s: it accepts connections, maybe, but does not speak"
    return fail(check.what, text, "look at the server's log, and at what stands between (firewall, proxy)")


def _broken(check: Check, error: Exception) -> Finding:
    missing_extra = missing(error) if isinstance(error, ModuleNotFoundError) else None
    if missing_extra is not None:
        text, _, remedy = missing_extra.partition("\nTry: ")
        return fail(check.what, text, remedy)
    text = f"the check itself failed: {type(error).__name__}: {error}"
    return fail(check.what, text, "run `precache -v doctor ...` and report it")
