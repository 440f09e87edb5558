"""uvicorn with bounds: so many connections, and none that is open without asking."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from console.web.streams import Streams
from precache.runtime.http import ListenError, why_not
from precache.runtime.shutdown import HANDLERS_S, Stop

MOST_CONNECTIONS: Final = 1_000
_ASK_WITHIN_S: Final = 15.0
_KEEP_ALIVE_S: Final = 15
_END_S: Final = 5
_BACKLOG: Final = 512


class BoundedProtocol(H11Protocol):
    """One connection: closed when there are too many, or when it asks for nothing in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.close()
            return
        self.loop.call_later(_ASK_WITHIN_S, self._close_unless_asked)

    def _close_unless_asked(self) -> None:
        # uvicorn's annotation leaves out that there is none before the first request.
        if cast("object | None", self.cycle) is None and not self.transport.is_closing():
            self.transport.close()


def listen_on(listen: tuple[str, int]) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ListenError: the address is in use, not this host's, or not allowed.
    """
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    try:
        return socket.create_server(listen, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListenError(why_not(error, listen, "listen")) from error


def serve(
    app: ASGIApp,
    streams: Streams,
    listener: socket.socket,
    stop: Stop,
    prepare: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Serve until a stop is requested; ``prepare`` runs once, beside."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_END_S,
    )
    # Not in the main thread: there uvicorn would take over the signals.
    arguments = (uvicorn.Server(config), streams, listener, stop, prepare)
    thread = threading.Thread(target=_run, args=arguments, name="precache-web", daemon=True)
    thread.start()
    while thread.is_alive() and not stop.wait(HANDLERS_S):
        pass
    thread.join(_END_S + 1)


def _run(
    server: uvicorn.Server,
    streams: Streams,
    listener: socket.socket,
    stop: Stop,
    prepare: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> None:
        preparing = asyncio.create_task(prepare())
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not serving.done() and not stop.requested:
            await asyncio.wait({serving}, timeout=HANDLERS_S)
        streams.closing.set()
        server.should_exit = True
        preparing.cancel()
        await asyncio.wait({serving, preparing})
        serving.result()

    asyncio.run(main())
