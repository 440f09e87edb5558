"""What one benchmark found, as it stands in the report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench import verdict
from bench.compare import Comparison, Series
from bench.measure import Sample


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report.

    Attributes:
        name: the benchmark's, as given on the command line.
        what: what was measured, with the load.
        against: the peer, or `-`.
        ours: our figure.
        theirs: the peer's figure.
        ratio: ours through theirs, or `-`.
        goal: in words.
        met: whether the goal was met; None where there is none.
        cpu: CPU microseconds a message, ours / theirs.
        limit: what kept each from being faster.
        notes: what a reader has to know besides.
        raw: every run, for the JSON file.
    """

    name: str
    what: str
    against: str = "-"
    ours: str = ""
    theirs: str = "-"
    ratio: str = "-"
    goal: str = "-"
    met: bool | None = None
    cpu: str = "-"
    limit: str = ""
    notes: tuple[str, ...] = ()
    raw: tuple[Mapping[str, Any], ...] = ()


def compared(
    name: str, what: str, against: str, found: Comparison, *, goal: float, notes: Sequence[str] = ()
) -> Result:
    """Return the result of a comparison of rates."""
    samples = [*found.ours.samples, *found.theirs.samples]
    low, high = min(found.ratios), max(found.ratios)
    memory = f"peak memory: {_mib(found.ours.peak_rss)} MiB against {_mib(found.theirs.peak_rss)} MiB"
    return Result(
        name=name,
        what=what,
        against=against,
        ours=f"{_thousands(found.ours.rate)}/s",
        theirs=f"{_thousands(found.theirs.rate)}/s",
        ratio=f"{found.ratio:.2f}x" + (f" ({low:.2f} to {high:.2f})" if len(found.ratios) > 1 else ""),
        goal=f">= {goal:.1f}x",
        met=found.ratio >= goal,
        cpu=f"{found.ours.cpu_us:.0f} / {found.theirs.cpu_us:.0f} us",
        limit=f"{limits(found.ours)} / {limits(found.theirs)}",
        notes=(*notes, memory, *_cores(found.ours), *_cores(found.theirs), *verdict.warnings(samples)),
        raw=raw(samples),
    )


def limits(series: Series) -> str:
    """Return what limited the runs, the same word once."""
    found = [verdict.limit(sample.shares) for sample in series.samples if sample.shares is not None]
    return "; ".join(dict.fromkeys(found)) or "-"


def raw(samples: Sequence[Sample]) -> tuple[dict[str, Any], ...]:
    """Return samples as JSON takes them."""
    return tuple(asdict(sample) | {"rate": sample.rate, "cpu_us": sample.cpu_us} for sample in samples)


def _cores(series: Series) -> list[str]:
    """Return the cores that each part kept busy, in the middle run of a series."""
    ordered = sorted(series.samples, key=lambda sample: sample.rate)
    middle = ordered[len(ordered) // 2]
    if middle.shares is None:
        return []
    return [f"cores busy while {middle.subject} ran: {verdict.describe(middle.shares)}"]


def _thousands(rate: float) -> str:
    return f"{rate / 1000:.1f} k"


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f}"


def raw_document(results: Sequence[Result], facts: Mapping[str, str]) -> dict[str, Any]:
    """Return everything, for a JSON file."""
    return {"facts": dict(facts), "results": [asdict(result) for result in results]}


def results_of(document: Mapping[str, Any]) -> list[Result]:
    """Return the results that :func:`raw_document` made a document of."""
    results: list[dict[str, Any]] = document["results"]
    return [Result(**(one | {"notes": tuple(one["notes"]), "raw": tuple(one["raw"])})) for one in results]
