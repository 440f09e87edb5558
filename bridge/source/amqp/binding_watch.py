"""Notices that a pool's queue lost its binding, and binds it again.

When RabbitMQ restarts, or somebody removes it, a non-durable exchange is made anew by Nova's next notification:
without our binding, while our consumer stays open and receives nothing. No event reports that, hence a look every few
seconds.
"""

import time
from typing import Any, Final

from bridge.source.amqp.connection import PulledConnection

# An exchange made anew is bound again within 15 s: this, and time to answer.
LOOK_EVERY_S: Final = 5.0
_NOT_FOUND: Final = 404
# AMQP's own range of errors; a close of our own has 0 or 200.
_ERRORS: Final = 400


class BindingWatch:
    """Looks whether the exchange is there, and binds the queue to it, on a channel of its own (a 404 closes a channel).

    Attributes:
        trouble: what is wrong; ``""`` when the last look was well.
    """

    def __init__(self, connection: PulledConnection, exchange: str, queue: str, routing_key: str) -> None:
        self._connection = connection
        self._exchange = exchange
        self._queue = queue
        self._routing_key = routing_key
        self._next_at = time.monotonic() + LOOK_EVERY_S
        self._looking = False
        self.trouble = ""

    def tick(self) -> None:
        """Begin a look when one is due; its answers come while the connection is served."""
        if self._looking or time.monotonic() < self._next_at or not self._connection.is_open:
            return
        self._looking = True
        channel = self._connection.channel(on_open_callback=self._look)
        channel.add_on_close_callback(self._done)

    def _look(self, channel: Any) -> None:
        channel.exchange_declare(self._exchange, passive=True, callback=lambda _: self._bind(channel))

    def _bind(self, channel: Any) -> None:
        # Binding what is bound already changes nothing.
        channel.queue_bind(self._queue, self._exchange, self._routing_key, callback=lambda _: self._bound(channel))

    def _bound(self, channel: Any) -> None:
        self.trouble = ""
        channel.close()

    def _done(self, _channel: Any, reason: Exception) -> None:
        self._looking = False
        self._next_at = time.monotonic() + LOOK_EVERY_S
        code = getattr(reason, "reply_code", 0)
        if code == _NOT_FOUND:
            self.trouble = (
                f"exchange {self._exchange!r} is gone, so nothing reaches queue {self._queue!r}: Nova makes it again"
                " with its next notification, and the queue is bound again within 15 s of that; what is sent until"
                " then is lost"
            )
        elif code >= _ERRORS:
            self.trouble = (
                f"whether queue {self._queue!r} is bound to exchange {self._exchange!r} can't be seen:"
                f" {code} {getattr(reason, 'reply_text', '')}"
            )
