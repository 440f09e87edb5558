"""Ports of the tests' own on the loopback address, and the little HTTP that asking a server for its health takes."""

from __future__ import annotations

import base64
import http.client
import json
import random
import socket
import urllib.error
import urllib.request
from typing import Any, Final

HOST: Final = "127.0.0.1"

# Below the range from which the kernel picks ports for outgoing connections (32768 and up): a server that a test stops
# and starts again finds its port still free.
_PORTS: Final = range(20_000, 32_000)


# A proxy that the environment names has no business between a test and its own server.
_direct: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Pick as many free ports, at random, so that runs side by side rarely want the same."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        if len(chosen) == count:
            return chosen
        if _is_free(port):
            chosen.append(port)
    msg = f"fewer than {count} free ports on {HOST} in {_PORTS}"
    raise OSError(msg)


def are_free(ports: list[int]) -> bool:
    """Whether a server could listen on all of these now."""
    return all(_is_free(port) for port in ports)


def exchange(port: int, request: bytes, *, timeout_s: float = 3.0) -> bytes:
    """Send raw bytes to a server and return the start of its answer, at most 4 KiB; empty when there is none."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s) as connection:
            connection.sendall(request)
            return connection.recv(4096)
    except OSError:
        return b""


def call(
    method: str,
    url: str,
    *,
    body: Any = None,
    user: tuple[str, str] | None = None,
    token: str = "",
    timeout_s: float = 5.0,
) -> tuple[int, Any]:
    """Call an HTTP API that speaks JSON; status 0 when nobody answers."""
    headers = {"Content-Type": "application/json"}
    if user is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
    if token:
        headers["Authorization"] = f"Token {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with _direct.open(request, timeout=timeout_s) as response:
            text, status = response.read(), response.status
    except urllib.error.HTTPError as error:
        with error:
            text, status = error.read(), error.code
    except (OSError, http.client.HTTPException):
        return 0, None
    return status, json.loads(text) if text.strip().startswith((b"{", b"[")) else None
