"""Splits what comes from the socket into frames, and puts deliveries together without an object for each frame.

pika makes a dozen objects of one delivery (three frames, a method, properties). Here the frames of deliveries are read
in place; all others go to pika as they are. Source: AMQP 0-9-1, sections 2.3.5 (frames) and 4.2.6 (content).
"""

from collections.abc import Callable
from struct import Struct
from typing import Final

from bridge.source.api import Delivery

_METHOD: Final = 1
_HEADER: Final = 2
_BODY: Final = 3
_FRAME_END: Final = 0xCE
_FRAME_OVERHEAD: Final = 8  # type, channel, size; and the end octet
_BASIC_DELIVER: Final = b"\x00\x3c\x00\x3c"  # class 60, method 60

_FRAME: Final = Struct(">BHI")
_TAG: Final = Struct(">Q")
_CONTENT_HEADER: Final = Struct(">HHQ")  # class, weight, body size; then the properties


class FrameError(Exception):
    """What came is not AMQP, or content came where none was announced: the connection can't be used further."""


class FrameReader:
    """Reads frames from chunks of a stream.

    Args:
        pass_on: takes each whole frame that is no part of a delivery on the watched channel.
    """

    def __init__(self, pass_on: Callable[[bytes], None]) -> None:
        self._pass_on = pass_on
        self._remainder = b""
        self._channel = 0
        self._deliveries: list[Delivery] = []
        self._tag = 0  # of the delivery whose content is being read; 0: none
        self._properties = b""
        self._missing = -1  # bytes of its body still to come; -1: not even its header has come
        self._chunks: list[bytes] = []
        self._bytes = 0

    @property
    def buffered_bytes(self) -> int:
        """How many bytes have come of a frame or a message that is not whole yet."""
        return len(self._remainder) + self._bytes

    def watch(self, channel: int) -> None:
        """Collect the deliveries of this channel from now on; 0 for none."""
        self._channel = channel
        self._deliveries = []
        self._reset()

    def take(self) -> list[Delivery]:
        """Return the deliveries that are whole, and forget them."""
        taken, self._deliveries = self._deliveries, []
        return taken

    def feed(self, data: bytes) -> None:
        """Read the next chunk of the stream.

        Raises:
            FrameError: the stream can't be read further.
        """
        buffer = self._remainder + data if self._remainder else data
        end = len(buffer)
        at = 0
        while end - at >= _FRAME_OVERHEAD:
            kind, channel, size = _FRAME.unpack_from(buffer, at)
            after = at + size + _FRAME_OVERHEAD
            if after > end:
                break
            if buffer[after - 1] != _FRAME_END:
                raise FrameError("a frame does not end as announced")
            if channel != self._channel or channel == 0:
                self._pass_on(buffer[at:after])
            elif kind == _BODY:
                self._body(buffer[at + 7 : after - 1])
            elif kind == _HEADER:
                self._header(buffer, at + 7, after - 1)
            elif kind == _METHOD and buffer.startswith(_BASIC_DELIVER, at + 7):
                tag_at = at + 12 + buffer[at + 11]
                (self._tag,) = _TAG.unpack_from(buffer, tag_at)
                self._missing = -1
            else:
                self._pass_on(buffer[at:after])
            at = after
        self._remainder = buffer[at:]

    def _header(self, buffer: bytes, at: int, end: int) -> None:
        if not self._tag or self._missing >= 0:
            raise FrameError("a content header without a delivery")
        _, _, self._missing = _CONTENT_HEADER.unpack_from(buffer, at)
        self._properties = buffer[at + 12 : end]
        if not self._missing:
            self._finish(b"")

    def _body(self, chunk: bytes) -> None:
        size = len(chunk)
        if self._missing < size:
            raise FrameError("content without its header, or more of it than announced")
        self._missing -= size
        if self._missing:
            self._chunks.append(chunk)
            self._bytes += size
        elif self._chunks:
            self._chunks.append(chunk)
            self._finish(b"".join(self._chunks))
        else:
            self._finish(chunk)

    def _finish(self, body: bytes) -> None:
        self._deliveries.append(Delivery(self._tag, body, self._properties))
        self._reset()

    def _reset(self) -> None:
        self._tag = 0
        self._missing = -1
        if self._chunks:
            self._chunks = []
            self._bytes = 0
