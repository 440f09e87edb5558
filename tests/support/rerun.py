"""Runs pytest, and what failed beside other tests once more, alone; too many of these fail the run.

    python -m tests.support.rerun [pytest options that rerun keeps] -- [options of the first run only]

A test that passes alone is flaky on a busy machine. Each is printed, so that it is seen and fixed; more than
``MOST_FLAKY`` fail the run, since then something is wrong with more than a test.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

MOST_FLAKY: Final = 2
_LAST_FAILED: Final = Path(".pytest_cache/v/cache/lastfailed")
_SOME_FAILED: Final = 1


def main(argv: list[str]) -> int:
    """Return the exit code of the whole: pytest's own, or 1 with too many flaky tests."""
    split = argv.index("--") if "--" in argv else len(argv)
    both, first = argv[:split], argv[split + 1 :]
    code = _pytest([*both, *first, "--cache-clear"])
    if code != _SOME_FAILED:
        return code
    failed = sorted(json.loads(_LAST_FAILED.read_text())) if _LAST_FAILED.exists() else []
    if not failed:
        return code
    emit(f"{len(failed)} failed beside other tests; once more, alone")
    code = _pytest([*both, "--last-failed", "--last-failed-no-failures", "none"])
    if code != 0:
        return code
    return judge(failed)


def judge(flaky: list[str]) -> int:
    """Print the tests that passed alone only; return 1 when they are too many, else 0."""
    for name in flaky:
        emit(f"flaky: {name}")
    if len(flaky) > MOST_FLAKY:
        emit(f"{len(flaky)} flaky tests; at most {MOST_FLAKY} are allowed")
        return 1
    return 0


def emit(text: str) -> None:
    """Write a line for whoever watches the run."""
    sys.stderr.write(f"rerun: {text}\n")
    sys.stderr.flush()


def _pytest(options: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *options], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
