"""Clients that open the health port and then dawdle: they take neither its answers nor the process's descriptors."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import captures
from tests.support.process import Precache, wait_until
from tests.support.stack import Stack

CLIENTS = 300
# What the process may open in all: fewer descriptors than there are slow clients.
DESCRIPTORS = 200


@pytest.fixture
def bridge(stack: Stack) -> Iterator[Precache]:
    with stack.bridge() as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        yield running


def descriptors(process: Precache) -> int:
    return len(list(Path(f"/proc/{process.process.pid}/fd").iterdir()))


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
    return client


def trickle(clients: list[socket.socket]) -> list[socket.socket]:
    """Send a byte on each connection, so that none of them is silent; return those that are still open."""
    still_open = []
    for client in clients:
        try:
            client.sendall(b"x")
            client.setblocking(False)
            if client.recv(1) == b"":
                continue
        except BlockingIOError:
            still_open.append(client)
        except OSError:
            continue
    return still_open


def test_three_hundred_slow_clients(stack: Stack, bridge: Precache) -> None:
    assert bridge.http is not None
    before = descriptors(bridge)
    with ExitStack() as stack_of_clients:
        clients = [stack_of_clients.enter_context(connect(bridge.http)) for _ in range(CLIENTS)]
        began = time.monotonic()
        assert bridge.ready()[0]
        assert bridge.metrics()
        assert time.monotonic() - began < 4.0
        assert descriptors(bridge) < before + 80
        # The bridge does its work meanwhile, which takes descriptors too.
        count = stack.publish(captures.read(captures.NO_HOST))
        wait_until(lambda: stack.forwarded() >= count, "the notifications in Kafka")
        end = time.monotonic() + 40
        while (clients := trickle(clients)) and time.monotonic() < end:
            time.sleep(0.5)
        assert clients == [], "a request that never ends is cut off"
    assert bridge.ready()[0]
    assert bridge.stop() == 0
