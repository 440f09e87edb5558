"""The picture of hosts over time: an SVG line. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from precache.contract.times import NS_PER_S

WIDTH: Final = 720
HEIGHT: Final = 160
_MOST_STEPS: Final = 240


class Curve(NamedTuple):
    """``points``: of an SVG polyline in a box of ``width`` x ``height``; ``""``: there is nothing to draw.

    ``span_s`` is the box's width in seconds.
    """

    points: str
    width: int
    height: int
    span_s: float


def curve(times: Sequence[int], total: int, began: int, ended: int) -> Curve:
    """Return how many hosts had reported, over time.

    Args:
        times: of the reports, ascending; nanoseconds, as the others.
        total: all hosts: the box's height.
        began: the box's left side.
        ended: its right side; 0: the last report.
    """
    if not times or total <= 0:
        return Curve("", WIDTH, HEIGHT, 0.0)
    left = min(began, times[0])
    right = max(ended, times[-1], left + 1)
    step = max(1, len(times) // _MOST_STEPS)
    counted = [(moment, index + 1) for index, moment in enumerate(times) if (index + 1) % step == 0]
    if counted[-1:] != [(times[-1], len(times))]:
        counted.append((times[-1], len(times)))
    points, before = [(0.0, 0)], 0
    for moment, count in counted:
        x = (moment - left) / (right - left) * WIDTH
        points += [(x, before), (x, count)]
        before = count
    points.append((WIDTH, before))
    height = max(total, before)
    texts = (f"{x:.1f},{HEIGHT - count / height * HEIGHT:.1f}" for x, count in points)
    return Curve(" ".join(texts), WIDTH, HEIGHT, (right - left) / NS_PER_S)
