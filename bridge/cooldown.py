"""How long a cloud rests after messages that cost much, so that the other clouds of the process have their turn. Pure.

Threads of Python work one at a time, and one that works without a pause lets the others in for a moment only, after
each 5 ms, or after a whole call of a parser. A cloud that has to be let in for each of its messages would fall behind.
"""

from typing import Final

# What a round, and each message in it, may cost without a rest: several times what is usual.
_ROUND_S: Final = 0.02
_MESSAGE_S: Final = 0.000_2
_MOST_S: Final = 0.5


def cooldown_s(spent_s: float, messages: int) -> float:
    """Return for how many seconds to rest: as long as the work took, or not at all where it cost what is usual.

    Args:
        spent_s: seconds of CPU that a round took.
        messages: how many were taken in it.
    """
    return min(spent_s, _MOST_S) if spent_s > _ROUND_S + _MESSAGE_S * messages else 0.0
