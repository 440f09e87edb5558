"""The command: `python -m bench [NAME ...]`."""

import argparse
import json
import logging
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from bench import document, machine, regression, report
from bench.cache import FetchError, emit
from bench.check import WrongAnswerError
from bench.child import ChildError
from bench.context import Bench
from bench.load.log import Logs
from bench.result import Result, raw_document, results_of
from bench.rows import ROWS
from bench.servers import Servers


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast, how lean, and against what.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which benchmarks: {', '.join(ROWS)} (default: all)")
    parser.add_argument("--runs", type=int, help="runs of each program (default: 3; 1 with --quick)")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test: loads too small for figures that mean anything"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run to a file")
    parser.add_argument(
        "--with",
        type=Path,
        action="append",
        default=[],
        dest="earlier",
        metavar="FILE",
        help="a file of --json: report its results too, but those that this run has anew",
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md, of this run")
    parser.add_argument(
        "--check",
        action="store_true",
        help="name rows that cost over 15 %% more CPU a message than in docs/benchmarks.md; exit code 1 if any does",
    )
    given = parser.parse_args(words)
    unknown = [name for name in given.names if name not in ROWS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if (given.write_docs or given.check) and given.quick:
        parser.error("--write-docs and --check are for figures that mean something: not with --quick")
    if given.runs is not None and given.runs < 1:
        parser.error("--runs has to be at least 1")
    return given


def main(words: Sequence[str]) -> int:
    """Measure; returns 0, or 1 when a benchmark could not be run or gave a wrong answer (never for being slow)."""
    given = _arguments(words)
    # The clients' own chatter belongs to nobody's result.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    runs = given.runs or (1 if given.quick else 3)
    facts = machine.facts()
    with Servers() as servers:
        bench = Bench(servers, Logs(servers), runs, given.quick)
        results, failed = _run(bench, [] if given.earlier and not given.names else given.names or list(ROWS))
    results = _joined(results, given.earlier)
    report.show(results, facts)
    has_regressed = given.check and _has_regressed(results)
    if given.json:
        given.json.write_text(json.dumps(raw_document(results, facts), indent=1))
    if given.write_docs and results:
        emit(f"written: {document.write(results, facts)}")
    return 1 if failed or has_regressed else 0


def _has_regressed(results: Sequence[Result]) -> bool:
    """Show how the CPU of each row compares with the committed document's; return whether one is much worse."""
    rows = regression.compared(results, document.FILE.read_text(), regression.calibration_ns())
    for row in rows:
        emit(str(row))
    if all(row.more is None for row in rows):
        emit("nothing could be compared: these rows are not in docs/benchmarks.md with a figure of CPU")
        return True
    return any(row.is_worse for row in rows)


def _joined(results: Sequence[Result], files: Sequence[Path]) -> list[Result]:
    """Return results with those of earlier runs, in the order of the list of benchmarks; the later of two counts."""
    by_name: dict[str, list[Result]] = {}
    for file in files:
        earlier = results_of(json.loads(file.read_text()))
        by_name |= {name: [one for one in earlier if one.name == name] for name in {one.name for one in earlier}}
    by_name |= {name: [one for one in results if one.name == name] for name in {one.name for one in results}}
    return [one for name in ROWS for one in by_name.get(name, [])]


def _run(bench: Bench, names: Sequence[str]) -> tuple[list[Result], list[str]]:
    results: list[Result] = []
    failed: list[str] = []
    for name in names:
        emit(name)
        try:
            results += ROWS[name](bench)
        except (ChildError, FetchError, WrongAnswerError) as error:
            emit(f"{name} failed: {error}")
            failed.append(name)
        except Exception:  # noqa: BLE001 - after half an hour the others are worth having all the same
            emit(f"{name} failed:\n{traceback.format_exc()}")
            failed.append(name)
    if failed:
        emit(f"failed: {', '.join(failed)}")
    return results, failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
