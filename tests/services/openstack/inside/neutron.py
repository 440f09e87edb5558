"""What stands for Neutron: no networks, no ports, no security groups. Nova asks for them whenever it shows a server."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Nothing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind = self.path.partition("?")[0].rstrip("/").rpartition("/")[2].removesuffix(".json").replace("-", "_")
        body = json.dumps({kind: []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve(port: int) -> None:
    """Serve until the process ends."""
    ThreadingHTTPServer(("127.0.0.1", port), _Nothing).serve_forever()
