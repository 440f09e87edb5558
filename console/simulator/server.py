"""Serves the APIs of the simulated clouds by HTTP: `/paris/v3`, `/paris/compute/v2.1`, `/paris/image`, ..."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from console.simulator.api import CloudApi, refused
from precache.runtime.http import ListenError, why_not

_POLL_S: Final = 0.1
# More than a request of precache ever has.
_MOST_BYTES: Final = 1_000_000
_NO_CLOUD: Final = refused(404, "no simulated cloud is there: the path begins with /paris, /rome or /oslo")


@contextmanager
def serving(listen: tuple[str, int], clouds: Mapping[str, CloudApi], key: str) -> Iterator[None]:
    """Serve while the block runs; ``key``: where the address comes from, for an error.

    Raises:
        ListenError: the address can't be listened on.
    """
    try:
        server = ThreadingHTTPServer(listen, _handler(clouds))
    except OSError as error:
        raise ListenError(why_not(error, listen, key)) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="simulated-apis", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def cloud_of(clouds: Mapping[str, CloudApi], target: str) -> tuple[CloudApi | None, str]:
    """Return the cloud that a path begins with, and the rest of the path."""
    name, _, rest = target.lstrip("/").partition("/")
    return clouds.get(name), f"/{rest}"


def _handler(clouds: Mapping[str, CloudApi]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES)
            raw = self.rfile.read(length)
            cloud, rest = cloud_of(clouds, self.path)
            try:
                body = json.loads(raw) if raw else None
                given = (
                    _NO_CLOUD
                    if cloud is None
                    else cloud.answer(method, rest, body, {name.lower(): value for name, value in self.headers.items()})
                )
            except (ValueError, KeyError, TypeError) as error:
                given = refused(400, f"not understood: {error!r}")
            content = b"" if given.body is None else json.dumps(given.body).encode()
            self.send_response(given.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **given.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Log nothing: a request is shown by what it causes."""

    return Handler
