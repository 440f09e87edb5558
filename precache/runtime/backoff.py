"""How long to wait before trying again."""

import random as _random
from collections.abc import Callable
from typing import Final

# 2 ** 64 is past any cap; beyond some thousand a float overflows.
_MAX_EXPONENT: Final = 64


def backoff_s(
    attempt: int, *, base_s: float = 0.5, cap_s: float = 5.0, random: Callable[[], float] = _random.random
) -> float:
    """Return the seconds to wait before attempt ``attempt`` + 1: exponential, with full jitter.

    Full jitter (a random share of the whole) keeps clients that failed together from coming back together.

    Args:
        attempt: how many attempts failed before this one, from 0.
        base_s: the most to wait the first time.
        cap_s: the most to wait ever.
        random: gives a number in [0, 1).
    """
    return random() * min(cap_s, base_s * 2.0 ** min(attempt, _MAX_EXPONENT))
