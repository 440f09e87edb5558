"""A B A B: two programs in turn on the same load, so that a machine that slows down slows both down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.cache import emit
from bench.measure import Sample

Run = Callable[[], Sample]


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one program."""

    samples: tuple[Sample, ...]

    @property
    def rate(self) -> float:
        """The median of the messages a second."""
        return median(sample.rate for sample in self.samples)

    @property
    def cpu_us(self) -> float:
        """The median of the CPU microseconds a message."""
        return median(sample.cpu_us for sample in self.samples)

    @property
    def peak_rss(self) -> int:
        """The highest of the peaks, in bytes."""
        return max(sample.peak_rss for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against theirs, run by run."""

    ours: Series
    theirs: Series

    @property
    def ratios(self) -> tuple[float, ...]:
        """Our rate through theirs in each pair of runs."""
        pairs = zip(self.ours.samples, self.theirs.samples, strict=True)
        return tuple(ours.rate / theirs.rate for ours, theirs in pairs)

    @property
    def ratio(self) -> float:
        """The median of the ratios of the pairs: each pair shared the machine's mood."""
        return median(self.ratios)


def interleave(ours: Run, theirs: Run, runs: int) -> Comparison:
    """Run both in turn; who begins changes from pair to pair."""
    samples: dict[Run, list[Sample]] = {ours: [], theirs: []}
    for number in range(runs):
        for run in (ours, theirs) if number % 2 == 0 else (theirs, ours):
            samples[run].append(_told(run()))
    return Comparison(Series(tuple(samples[ours])), Series(tuple(samples[theirs])))


def repeat(run: Run, runs: int) -> Series:
    """Run one program some times."""
    return Series(tuple(_told(run()) for _ in range(runs)))


def each(programs: Sequence[Run], runs: int) -> list[Series]:
    """Run several in turn, round by round."""
    rounds = [[_told(run()) for run in programs] for _ in range(runs)]
    return [Series(samples) for samples in zip(*rounds, strict=True)]


def _told(sample: Sample) -> Sample:
    emit(f"  {sample.subject}: {sample.rate:,.0f}/s, {sample.cpu_us:.1f} us CPU, {sample.peak_rss / 2**20:.0f} MiB")
    return sample
