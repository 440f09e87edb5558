"""A pika connection that is driven by its owner's thread: it works only while :meth:`PulledConnection.serve` is called.

pika speaks the protocol; this adapter implements the methods that its base class leaves to adapters (socket, timers)
and feeds it every frame but those of deliveries, which :class:`~bridge.source.amqp.frames.FrameReader` puts together.
Being pulled, it needs no thread and no callback between threads; and reading can be throttled, so that memory stays
bounded when Kafka is slow.
"""

import contextlib
import heapq
import select
import socket
import ssl
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import pika
import pika.connection
import pika.exceptions

from bridge.source.amqp.frames import FrameError, FrameReader

_READ_BYTES: Final = 256 * 1024
# Reads in one go, at most: acknowledgements and heartbeats have their turn in between.
_MAX_READS: Final = 4

# Past the period, until the connection is given up.
_GRACE_S: Final = 5.0

Callback = Callable[[], None]


class _Timer:
    """What pika cancels a timer by: an object, since pika takes a handle that is false, such as 0, for none."""

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback


class PulledConnection(pika.connection.Connection):  # type: ignore[misc]
    """A connection over a socket that is connected already (and has done its TLS handshake).

    Attributes:
        lost: why the connection has ended; ``None`` while it is not.
    """

    def __init__(self, parameters: pika.ConnectionParameters, sock: socket.socket) -> None:
        self._sock = sock
        self._out = bytearray()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._timer_numbers = count()  # of two timers that are due at once, the older one is first
        self._poll = select.poll()
        self._may_read = True
        self._most = _MAX_READS * _READ_BYTES
        self.reader = FrameReader(self._on_data_available)
        self.lost: Exception | None = None
        self._heard_at_s = time.monotonic()
        sock.setblocking(False)
        super().__init__(parameters, on_open_error_callback=self._note_lost, on_close_callback=self._note_lost)

    def _note_lost(self, _connection: Any, error: Exception) -> None:
        self.lost = error

    def read(self, *, on: bool, most: int = _MAX_READS * _READ_BYTES) -> None:
        """Read from the socket, at most that many bytes in one go; or leave there what comes."""
        self._may_read = on
        self._most = most

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self.lost is not None

    @property
    def silent_s(self) -> float:
        """For how many seconds nothing has come."""
        return time.monotonic() - self._heard_at_s

    @property
    def _heartbeat_s(self) -> float:
        """How long the other end may be silent; 0: forever."""
        return float(self.params.heartbeat or 0) if self.is_open else 0.0

    def serve(self, timeout_s: float) -> None:
        """Send what is to be sent, take what comes, run timers that are due; wait up to the time given for that."""
        if self.lost is None:
            self._flush()
        if self.lost is None:
            self._wait_and_read(timeout_s)
        if self._may_read and self.lost is None:
            self._check_silence()
        self._run_timers()

    def _wait_and_read(self, timeout_s: float) -> None:
        # What TLS has decrypted already does not make the socket readable.
        pending = self._may_read and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0
        wanted = (select.POLLIN if self._may_read else 0) | (select.POLLOUT if self._out else 0)
        self._poll.register(self._sock, wanted)
        events = self._poll.poll(0 if pending else 1000 * min(timeout_s, self._next_timer_s()))
        got = events[0][1] if events else 0
        if got & select.POLLOUT:
            self._flush()
        if pending or got & select.POLLIN or got & (select.POLLHUP | select.POLLERR):
            self._read()

    def _check_silence(self) -> None:
        """End a connection on which nothing has come for too long; what had come was read just before.

        pika's own checker counts whole periods without a byte, and so takes up to twice as long.
        """
        heartbeat_s, silent_s = self._heartbeat_s, self.silent_s
        if heartbeat_s and silent_s > heartbeat_s + _GRACE_S:
            self._end(pika.exceptions.AMQPHeartbeatTimeout(f"nothing has come for {silent_s:.0f} s"))

    def _read(self) -> None:
        left = self._most
        while left > 0 and self.lost is None:
            size = min(left, _READ_BYTES)
            try:
                data = self._sock.recv(size)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._end(pika.exceptions.StreamLostError(f"{error}"))
                return
            if not data:
                self._end(pika.exceptions.StreamLostError("the other end closed the connection"))
                return
            self._heard_at_s = time.monotonic()
            self.bytes_received += len(data)  # what pika's heartbeat checker looks at
            try:
                self.reader.feed(data)
            except (FrameError, pika.exceptions.AMQPError) as error:
                self._end(error)
                return
            if len(data) < size:
                return
            left -= size

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._end(pika.exceptions.StreamLostError(f"{error}"))

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._end(pika.exceptions.StreamLostError("dropped"))

    def _end(self, error: Exception | None) -> None:
        if self.lost is not None:
            return
        with contextlib.suppress(OSError):
            self._sock.close()
        self._out.clear()
        self._on_stream_terminated(error)
        if self.lost is None:
            self.lost = error or pika.exceptions.ConnectionClosedByClient(200, "closed")

    # Timers

    def _next_timer_s(self) -> float:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else 3_600.0

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()

    # What pika's base class leaves to its adapters

    def _adapter_connect_stream(self) -> None:
        self._on_stream_connected()

    def _adapter_disconnect_stream(self) -> None:
        # Not at once: pika asks for it to happen outside of the call.
        self._adapter_call_later(0, lambda: self._end(None))

    def _adapter_emit_data(self, data: bytes) -> None:
        self._out += data

    def _adapter_call_later(self, delay: float, callback: Callback) -> _Timer:
        timer = _Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._timer_numbers), timer))
        return timer

    def _adapter_remove_timeout(self, timeout_id: _Timer) -> None:
        timeout_id.callback = None

    def _adapter_add_callback_threadsafe(self, callback: Callback) -> None:
        # Only ever called from the owner's thread: pika itself uses it for BlockingConnection alone.
        self._adapter_call_later(0, callback)
