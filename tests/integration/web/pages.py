"""`precache web` as a process on a stack, and what a client gets from it."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import yaml

from tests.support.process import Precache, free_port, wait_until
from tests.support.stack import Stack

# As Linux writes it in /proc/net/tcp.
ESTABLISHED = "01"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


class Web(Precache):
    """The pages of a stack."""

    def __init__(self, stack: Stack, **changes: Any) -> None:
        self.port = free_port()
        places = yaml.safe_load(stack.processor_file().read_text())
        bootstrap = {"bootstrap.servers": places["kafka"]["bootstrap.servers"]}
        self.base = str(changes.get("base_path", ""))
        config = {
            "kafka": bootstrap,
            "topics": places["topics"],
            "store": places["store"],
            "listen": f"127.0.0.1:{self.port}",
        } | changes
        file = stack.folder / "web.yaml"
        file.write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
        super().__init__(["web", "--config", str(file)], stack.folder, name="web")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_up(self) -> "Web":
        def is_up() -> bool:
            assert self.process.poll() is None, self.stderr[-3000:]
            try:
                return self.get(f"{self.base}/healthz").status == 200
            except OSError:
                return False

        wait_until(is_up, "the pages to be served", 30)
        return self

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode())

    def view(self, path: str) -> Any:
        """Return a page as JSON."""
        answer = self.get(path, Accept="application/json")
        assert answer.status == 200, answer.body
        return answer.json()

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[str]]:
        """Open a stream, and yield the states of its page as they come."""
        with urllib.request.urlopen(f"{self.url}/stream/{path}", timeout=30) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))

    def is_streaming(self, path: str) -> bool:
        """Return whether a stream is served."""
        try:
            with self.stream(path) as states:
                return bool(next(states))
        except urllib.error.HTTPError:
            return False

    def connect(self, text: bytes = b"") -> socket.socket:
        """Open a connection, and send something or nothing."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(text)
        return connection

    def connections_to(self, port: int) -> int:
        """Return how many TCP connections the process has to a port of this machine."""
        process = Path(f"/proc/{self.process.pid}")
        own = {str(link.readlink()).removeprefix("socket:[").removesuffix("]") for link in (process / "fd").iterdir()}
        rows = [line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:]]
        return sum(row[9] in own and row[3] == ESTABLISHED and row[2].endswith(f":{port:04X}") for row in rows)
