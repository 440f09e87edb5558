"""A TCP proxy that a test can cut, as a network would."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.services.network import HOST, free_ports

Filter = Callable[[bytes], bytes | None]


def _unchanged(data: bytes) -> bytes:
    return data


class Proxy:
    """Stands between a client and a server at `url`; while cut, connections are taken and dropped at once.

    While it refuses, nobody listens at its address. While it holds, connections come about, and nothing passes.
    `target` is where the server listens; it may be set later than `url`, before the first client comes.
    `requests` and `answers` change what passes: each is given some bytes, and returns what goes on; None drops the
    connection.
    """

    def __init__(self, url: str = "") -> None:
        parts = urlsplit(url)
        self.target = (parts.hostname or "", parts.port or 80)
        # Below the ports that the kernel gives to others: it is left and taken again.
        (self._port,) = free_ports(1)
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._cut = False
        self._flowing = threading.Event()
        self._flowing.set()
        self.requests: Filter = _unchanged
        self.answers: Filter = _unchanged
        self.address = f"{HOST}:{self._port}"
        self.url = f"http://{self.address}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    def cut(self) -> None:
        """Drop what is open, and what will be opened."""
        self._cut = True
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Drop what is open, and listen no more."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def hold(self) -> None:
        """Let nothing pass, and nobody know."""
        self._flowing.clear()

    def fix(self) -> None:
        """Let all pass again."""
        self._cut = False
        self._flowing.set()
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server((HOST, self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = self._connected()
            if server is None:
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                self._open.add(source)
                change = self._to_server if sink is server else self._to_client
                threading.Thread(target=self._pump, args=(source, sink, change), daemon=True).start()

    def _connected(self) -> socket.socket | None:
        """Return a connection to the server, unless it is cut off, or away itself."""
        with contextlib.suppress(OSError):
            return None if self._cut else socket.create_connection(self.target)
        return None

    # Looked up for each piece: a test may set another filter at any time.
    def _to_server(self, data: bytes) -> bytes | None:
        return self.requests(data)

    def _to_client(self, data: bytes) -> bytes | None:
        return self.answers(data)

    def _pump(self, source: socket.socket, sink: socket.socket, change: Filter) -> None:
        dropped = False
        with contextlib.suppress(OSError):
            while not dropped and (data := source.recv(65_536)):
                self._flowing.wait()
                passing = change(data)
                dropped = passing is None
                sink.sendall(passing or b"")
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR if dropped or end is source else socket.SHUT_WR)
        self._open.discard(source)
        source.close()
