"""The guard against becoming slow: against the peer, against a calibration, and what can't be compared."""

import pytest

from bench.document import FILE
from bench.regression import Compared, calibration_ns, compared
from bench.result import Result

DOCUMENT = """
| what | precache | CPU a message, precache / peer |
| --- | --- | --- |
| bridge: 200,000 \\| more | 27 k/s | 30 / 60 us |
| growth | flat | 20 us |
| delay | 37 ms | - |

- date: 2026-11-24
{}"""
CALIBRATED = DOCUMENT.format("- calibration: 1000 ns of CPU to read one notification by orjson\n")


def row(what: str, cpu: str) -> Result:
    return Result(name="x", what=what, cpu=cpu)


@pytest.mark.parametrize(
    ("cpu", "more"),
    [
        ("30 / 60 us", 0.0),
        # The machine is half as fast today: both take twice as long.
        ("60 / 120 us", 0.0),
        ("36 / 60 us", 0.2),
        ("30 / 66 us", -0.09),
    ],
)
def test_with_a_peer_the_machine_plays_no_part(cpu: str, more: float) -> None:
    [found] = compared([row("bridge: 200,000 | more", cpu)], DOCUMENT.format(""), 5_000)
    assert found.more == pytest.approx(more, abs=0.01)
    assert found.is_worse == (more > 0.15)


@pytest.mark.parametrize(("here_ns", "more"), [(1_000, 0.25), (2_000, -0.375), (500, 1.5)])
def test_without_a_peer_the_calibration_counts(here_ns: float, more: float) -> None:
    [found] = compared([row("growth", "25 us")], CALIBRATED, here_ns)
    assert found.more == pytest.approx(more)


def test_what_is_not_known_is_not_compared() -> None:
    rows = [row("growth", "25 us"), row("new", "25 / 30 us"), row("delay", "-")]
    assert compared(rows, DOCUMENT.format(""), 1_000) == [Compared("growth", None), Compared("new", None)]
    assert not any(each.is_worse for each in compared(rows, DOCUMENT.format(""), 1_000))


def test_it_names_what_is_worse() -> None:
    [found] = compared([row("growth", "30 us")], CALIBRATED, 1_000)
    assert str(found) == "WORSE: growth: CPU a message +50%"


def test_the_committed_document_has_rows_to_compare_with() -> None:
    text = FILE.read_text()
    rows = [row(line.split(" | ")[0].removeprefix("| "), "1 / 1 us") for line in text.splitlines() if "k/s" in line]
    assert sum(each.more is not None for each in compared(rows, text, 1_000)) >= 4


def test_a_calibration_is_of_this_machine() -> None:
    assert 500 < calibration_ns() < 1_000_000
