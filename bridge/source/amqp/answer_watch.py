"""Notices a RabbitMQ that says nothing more on a connection that stands: when nothing has come for long, it is asked.

Heartbeats take long to show it: RabbitMQ may send none for a whole ``heartbeat_timeout_threshold`` (a minute, by
default) after it has sent something else.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from bridge.source.amqp.connection import PulledConnection

_ASK_AFTER_S: Final = 15.0
_ANSWER_WITHIN_S: Final = 15.0
# The same at each time: a trouble that changes is logged anew.
_TROUBLE: Final = (
    f"RabbitMQ has sent nothing for {_ASK_AFTER_S + _ANSWER_WITHIN_S:.0f} s, not even an answer:"
    " it hangs, or the network drops what is sent"
)


class AnswerWatch:
    """Asks on the consuming channel; repeating its prefetch changes nothing there.

    Args:
        connection: where the answers come.
        channel: a channel of it.
        prefetch: the channel's.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        connection: PulledConnection,
        channel: Any,
        prefetch: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._prefetch = prefetch
        self._clock = clock
        self._asked_at_s = float("-inf")

    def tick(self) -> None:
        """Ask when nothing has come for long; the answer comes while the connection is served."""
        if self._connection.silent_s < _ASK_AFTER_S or self._waits or not self._channel.is_open:
            return
        self._asked_at_s = self._clock()
        self._channel.basic_qos(prefetch_count=self._prefetch, callback=_answered)

    @property
    def trouble(self) -> str:
        """What is wrong; ``""`` when nothing is."""
        return _TROUBLE if self._waits and self._clock() - self._asked_at_s > _ANSWER_WITHIN_S else ""

    @property
    def _waits(self) -> bool:
        """Whether nothing has come since it was asked."""
        return self._connection.silent_s > self._clock() - self._asked_at_s


def _answered(_frame: Any) -> None:
    """Take the answer: that it came is all."""
