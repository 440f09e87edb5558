"""How fast an operation's hosts report, and how long the rest will take. Pure."""

from dataclasses import dataclass
from typing import Final, NamedTuple

# Reports that are needed before their times give a rate: one interval says little.
_MIN_HOSTS: Final = 2


class Estimate(NamedTuple):
    """``rate`` is hosts a second; ``left_s`` are seconds. None: not known."""

    rate: float | None = None
    left_s: float | None = None


UNKNOWN: Final = Estimate()


@dataclass(slots=True)
class Pace:
    """The reports of one operation, by number and time.

    Before the first report an operation may wait behind others, so the time until then says nothing of its pace: it is
    counted from the first report on.

    Attributes:
        host_s: seconds a host took in former operations of this aggregate and these images; None: not known.
    """

    host_s: float | None = None
    _first: tuple[int, float] | None = None
    _last: tuple[int, float] | None = None
    _heard_at: float = 0.0

    def report(self, hosts_done: int, at_s: float, now: float) -> None:
        """Take a report: the number of hosts as after it, when Nova sent it, and the time on this machine's clock."""
        if self._first is None:
            self._first = (hosts_done, at_s)
        done, latest_s = self._last or self._first
        self._last = (max(done, hosts_done), max(latest_s, at_s))
        self._heard_at = now

    def estimate(self, hosts_total: int, now: float) -> Estimate:
        """Return rate and time left, at a time on the clock of :meth:`report`."""
        if self._first is None or self._last is None:
            return Estimate(None, None if self.host_s is None else hosts_total * self.host_s)
        first_done, first_s = self._first
        done, last_s = self._last
        left = max(0, hosts_total - done)
        # Both differences are on one clock each: Nova's may be off by minutes.
        silent_s = max(0.0, now - self._heard_at)
        elapsed_s = last_s - first_s
        if done - first_done < _MIN_HOSTS or elapsed_s <= 0:
            return Estimate(None, None if self.host_s is None else max(0.0, left * self.host_s - silent_s))
        # A report is due after the usual interval; what exceeds it shows that the pace has changed.
        interval_s = elapsed_s / (done - first_done)
        rate = (done - first_done) / (elapsed_s + max(0.0, silent_s - interval_s))
        return Estimate(rate, max(0.0, left / rate - min(silent_s, interval_s)) if left else 0.0)
