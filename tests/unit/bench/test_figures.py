"""How figures are made of runs, and what is said of their limits."""

import os
import time
from functools import partial

import pytest

from bench import proc
from bench.check import WrongAnswerError, equal
from bench.compare import interleave
from bench.measure import Sample, Shares
from bench.report import markdown, plain
from bench.result import compared
from bench.verdict import limit


def _sample(order: list[str], subject: str, rates: list[float]) -> Sample:
    order.append(subject)
    return Sample(subject=subject, messages=rates.pop(0), seconds=1.0, cpu_s=0.5, peak_rss=1)


def _shares(**given: float) -> Shares:
    parts = {"measured": 0.1, "busiest_thread": 0.1, "bench": 0.0, "others": 0.0, "idle": 0.0, "stolen": 0.0} | given
    return Shares(servers={"kafka": parts.pop("kafka", 0.1)}, **parts)


def test_runs_alternate_and_the_ratio_is_the_median_of_the_pairs() -> None:
    order: list[str] = []
    ours = partial(_sample, order, "a", [100.0, 300.0, 80.0])
    theirs = partial(_sample, order, "b", [50.0, 100.0, 80.0])
    found = interleave(ours, theirs, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found.ratios == (2.0, 3.0, 1.0)
    assert found.ratio == 2.0
    assert found.ours.rate == 100.0


def test_result_reports_whether_the_goal_was_met() -> None:
    for goal, met in ((2.0, True), (2.1, False)):
        ours, theirs = partial(_sample, [], "a", [100.0]), partial(_sample, [], "b", [50.0])
        result = compared("n", "what", "peer", interleave(ours, theirs, 1), goal=goal)
        assert result.met is met
        assert ("NO" in plain([result], {})) is not met
        assert "| 2.00x |" in markdown([result], {})


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (_shares(busiest_thread=0.95, measured=0.95), "its own thread"),
        (_shares(kafka=1.5), "all cores busy, most with kafka"),
        (_shares(others=1.5), "all cores busy, most with other programs"),
        (_shares(kafka=0.95, idle=1.0), "kafka"),
        (_shares(bench=0.9, idle=1.0), "the benchmark itself"),
        (_shares(idle=1.5), "waiting (1.5 cores idle)"),
    ],
)
def test_limit_names_what_was_full(shares: Shares, words: str) -> None:
    assert limit(shares) == words


def test_wrong_count_fails() -> None:
    equal("points", 3, 3)
    with pytest.raises(WrongAnswerError, match="points: 2, not 3"):
        equal("points", 2, 3)


def test_cpu_and_memory_of_this_process_are_seen() -> None:
    before = proc.cpu_s(os.getpid())
    busy_until = time.process_time() + 0.1  # ten of the kernel's clock ticks
    while time.process_time() < busy_until:
        sum(range(10_000))
    assert proc.cpu_s(os.getpid()) > before
    # Large enough to stand out; the kernel's counters lag by some pages.
    ballast = bytearray(b"x") * 100_000_000
    with_ballast = proc.memory_bytes(os.getpid(), "VmRSS")
    del ballast
    assert with_ballast - proc.memory_bytes(os.getpid(), "VmRSS") > 90_000_000
    assert proc.memory_bytes(os.getpid()) > 0.99 * with_ballast
    assert os.getpid() in proc.tree(os.getppid())
