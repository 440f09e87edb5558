"""Pages that stay current: one maker for all who look at the same page, and each of them gets the last state only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

MOST_STREAMS: Final = 500
# The page is made again so often, and seldom enough that a client need not take more than this.
_EVERY_S: Final = 1.0
_BYTES_PER_S: Final = 100_000
# Proxies end a connection that says nothing for a minute.
_SIGN_OF_LIFE_S: Final = 15.0
# A client that takes nothing for so long is gone.
_SEND_S: Final = 20.0
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]

Make = Callable[[], Awaitable[str]]


class Channel:
    """The state of one page, for all who look at it.

    Attributes:
        text: the last state.
        version: one more at each change.
        readers: how many look at it.
    """

    def __init__(self, make: Make) -> None:
        self.text = ""
        self.version = 0
        self.readers = 0
        self._make = make
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    def enter(self) -> None:
        """Begin to look."""
        self.readers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._keep())

    def leave(self) -> None:
        """Look no longer; without readers nothing is made."""
        self.readers -= 1
        if not self.readers and self._task is not None:
            self._task.cancel()
            self._task = None

    async def after(self, version: int, timeout_s: float) -> bool:
        """Wait for a state after this one, for so long at most; return whether there is one."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self.version > version)
        except TimeoutError:
            return False
        return True

    async def _keep(self) -> None:
        while True:
            text = await self._make()
            if text != self.text:
                async with self._changed:
                    self.text, self.version = text, self.version + 1
                    self._changed.notify_all()
            await asyncio.sleep(max(_EVERY_S, len(text) / _BYTES_PER_S))


class Streams:
    """The channels, by page and parameters."""

    def __init__(self) -> None:
        self._channels: dict[object, Channel] = {}
        self._open = 0
        self.closing = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether no further stream is served."""
        return self._open >= MOST_STREAMS

    def response(self, key: object, make: Make) -> "EventStream":
        """Return the response that sends each state of a page."""
        return EventStream(self, key, make)

    def enter(self, key: object, make: Make) -> Channel:
        """Return the channel of a page, which is made if nobody looks at it yet."""
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(make)
        self._open += 1
        channel.enter()
        return channel

    def leave(self, key: object) -> None:
        """Take one reader from the channel of a page."""
        channel = self._channels[key]
        self._open -= 1
        channel.leave()
        if not channel.readers:
            del self._channels[key]


class EventStream:
    """An ASGI response: server-sent events with the page's HTML. A slow client gets fewer states, not a queue."""

    def __init__(self, streams: Streams, key: object, make: Make) -> None:
        self._streams = streams
        self._key = key
        self._make = make

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the client leaves, takes nothing any longer, or the server ends."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        channel = self._streams.enter(self._key, self._make)
        sending = asyncio.create_task(_send_all(channel, send))
        ends = {sending, asyncio.create_task(_gone(receive)), asyncio.create_task(self._streams.closing.wait())}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.leave(self._key)
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


async def _send_all(channel: Channel, send: Send) -> None:
    version = 0
    while True:
        if await channel.after(version, _SIGN_OF_LIFE_S):
            version = channel.version
            body = b"event: page\nid: %d\ndata: %s\n\n" % (version, orjson.dumps(channel.text))
        else:
            body = b": still here\n\n"
        async with asyncio.timeout(_SEND_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Receive) -> None:
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
