"""``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for whoever keeps the process running."""

import errno
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import orjson
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from precache.runtime.deadline import Deadline
from precache.runtime.health import Health
from precache.runtime.logs import log
from precache.runtime.masking import mask_value

# A whole request, answer included, may take that long, however it trickles.
_REQUEST_S: Final = 10.0
# Each has a thread and a descriptor. Beyond them the oldest is cut off, so that a client that asks is always served.
_MAX_CONNECTIONS: Final = 32
# How long the thread of a connection that was cut off may take to end.
_CUT_S: Final = 1.0
_POLL_S: Final = 0.1
_TEXT: Final = "text/plain; charset=utf-8"


class ListenError(Exception):
    """The address of ``http.listen`` cannot be listened on."""


class HttpServer:
    """Serves the process's metrics and health in threads of its own, which never hold up its end."""

    def __init__(self, listen: tuple[str, int], health: Health, registry: CollectorRegistry = REGISTRY) -> None:
        self._listen = listen
        self._handler = _handler_for(health, registry)
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also when port 0 was asked for; 0 before :meth:`start`."""
        return int(self._server.server_address[1]) if self._server is not None else 0

    def start(self) -> None:
        """Listen and serve.

        Raises:
            ListenError: the address is in use, not this host's, or not allowed.
        """
        try:
            self._server = _Server(self._listen, self._handler)
        except OSError as error:
            raise ListenError(why_not(error, self._listen)) from error
        serve = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="precache-http", daemon=True)
        serve.start()
        log.info("http.listening", address=address_of(self._listen[0], self.port))

    def stop(self) -> None:
        """Stop listening; requests under way are left to end, or to die with the process."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def serving(listen: tuple[str, int] | None, health: Health) -> Iterator[None]:
    """Serve metrics and health while this is entered; ``None``: nowhere.

    Raises:
        ListenError: the address can't be listened on.
    """
    if listen is None:
        yield
        return
    server = HttpServer(listen, health)
    server.start()
    try:
        yield
    finally:
        server.stop()


def address_of(host: str, port: int) -> str:
    """Return ``HOST:PORT``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why_not(error: OSError, listen: tuple[str, int], key: str = "http.listen") -> str:
    """Return why an address can't be listened on, and what to do; ``key``: where it stands in the file."""
    place = f"{key} {address_of(*listen)}"
    if error.errno == errno.EADDRINUSE:
        return f"address in use: {place}: another process serves there; stop it or choose another port"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"not an address of this host: {place}: use 0.0.0.0 for all its addresses"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"not allowed: {place}: choose a port from 1024 on, or grant the right"
    return f"cannot listen: {place}: {error.strerror or error}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listen: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        # The open connections, the oldest first, with the time at which each must be over.
        self._open: dict[socket.socket, Deadline] = {}
        self._changed = threading.Condition()
        super().__init__(listen, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._has_room():
            self.shutdown_request(request)
            return
        with self._changed:
            self._open[request] = Deadline.after(_REQUEST_S)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify()

    def service_actions(self) -> None:
        with self._changed:
            overdue = [connection for connection, deadline in self._open.items() if deadline.passed]
        for connection in overdue:
            _cut_off(connection)

    def _has_room(self) -> bool:
        with self._changed:
            if len(self._open) < _MAX_CONNECTIONS:
                return True
            _cut_off(next(iter(self._open)))
            return self._changed.wait_for(lambda: len(self._open) < _MAX_CONNECTIONS, _CUT_S)

    def server_bind(self) -> None:
        # Not HTTPServer's: it looks up the host's name in the DNS, which may hang.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request
        log.debug("http.request_failed", client=str(client_address), exc_info=True)


def _cut_off(connection: socket.socket) -> None:
    """End a connection; the thread that serves it wakes up, and closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _handler_for(health: Health, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_S
        server_version = "precache"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, content_type, encode(registry))
            elif path == "/healthz":
                sick = health.sick()
                self._answer(503 if sick else 200, _TEXT, f"{sick or 'ok'}\n".encode())
            elif path == "/readyz":
                report = health.report()
                body = orjson.dumps(mask_value(dict(report)), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
                self._answer(200 if report["ready"] else 503, "application/json", body)
            else:
                self._answer(404, _TEXT, b"not found; there are /metrics, /healthz and /readyz\n")

        do_HEAD = do_GET  # noqa: N815 - the base class's name

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            log.debug("http.request", text=format % args, client=self.client_address[0])

    return Handler
