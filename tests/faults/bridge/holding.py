"""A way to a Kafka broker that can hold every record on its way there while questions are answered, or be cut."""

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Final, Self

# A request is its length (4 bytes), then the number of what is asked for (2 bytes): 0 is Produce.
_PRODUCE: Final = 0
_LENGTH: Final = struct.Struct(">i")
_API_KEY: Final = struct.Struct(">h")


class HoldingProxy:
    """Stands between clients and a broker, which has to tell clients this address as its own.

    Attributes:
        address: where clients connect to.
        target: where the broker listens; set it before the first client comes.
        held: how many requests with records wait here.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.target = ""
        self.held = 0
        self._open = threading.Event()
        self._open.set()
        self._is_cut = False
        self._ends: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.hold(on=False)
        self.cut(on=True)

    def hold(self, *, on: bool) -> None:
        """Hold requests that carry records, and what follows on their connection; or send them on."""
        self.held = 0
        self._open.clear() if on else self._open.set()

    def cut(self, *, on: bool) -> None:
        """Drop all connections, and each that is made, as if no broker ran; or let them through again."""
        self._is_cut = on
        for end in list(self._ends) if on else ():
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                host, _, port = self.target.partition(":")
                broker = socket.create_connection((host, int(port)))
                self._ends |= {client, broker}
                for pump, source, sink in ((self._requests, client, broker), (self._answers, broker, client)):
                    threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as stream:
            while length := stream.read(_LENGTH.size):
                request = stream.read(*_LENGTH.unpack(length))
                if _API_KEY.unpack_from(request)[0] == _PRODUCE and not self._open.is_set():
                    self.held += 1
                    self._open.wait()
                broker.sendall(length + request)
        self._end(client, broker)

    def _answers(self, broker: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := broker.recv(65_536):
                client.sendall(data)
        self._end(broker, client)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            self._ends.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
