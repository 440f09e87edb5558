import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from precache.runtime.health import Health
from precache.runtime.http import HttpServer, ListenError


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[HttpServer]:
    registry = CollectorRegistry()
    Counter("precache_test", "Counts.", registry=registry).inc(3)
    server = HttpServer(("127.0.0.1", 0), health, registry)
    server.start()
    yield server
    server.stop()


def call(server: HttpServer, path: str, method: str = "GET") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


def test_metrics(server: HttpServer) -> None:
    status, content_type, body = call(server, "/metrics?x=1")
    assert (status, content_type.partition(";")[0]) == (200, "text/plain")
    assert "precache_test_total 3.0" in body


def test_alive_whatever_the_parts_say(server: HttpServer, health: Health) -> None:
    health.set("paris", False, "down")
    assert call(server, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")


def test_ready_only_when_every_part_is(server: HttpServer, health: Health) -> None:
    assert call(server, "/readyz")[0] == 503
    health.set("paris", True)
    status, content_type, body = call(server, "/readyz")
    assert (status, content_type) == (200, "application/json")
    health.set("london", False, "no answer from rabbit://user:hush@host")
    status, _, body = call(server, "/readyz")
    assert status == 503
    assert json.loads(body)["parts"]["london"] == {"ready": False, "why": "no answer from rabbit://***@host"}


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/nothing"])
def test_head_is_get_without_the_body(server: HttpServer, path: str) -> None:
    status, content_type, body = call(server, path, "HEAD")
    assert (status, content_type) == call(server, path)[:2]
    assert body == ""


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/healthz", 501)]
)
def test_what_is_not_there(server: HttpServer, method: str, path: str, status: int) -> None:
    assert call(server, path, method)[0] == status


def test_an_address_in_use_is_named(server: HttpServer, health: Health) -> None:
    with pytest.raises(ListenError, match=rf"^address in use: http\.listen 127\.0\.0\.1:{server.port}: "):
        HttpServer(("127.0.0.1", server.port), health).start()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_host(health: Health, host: str) -> None:
    with pytest.raises(ListenError, match=rf"^not an address of this host: http\.listen {host}:0: use 0\.0\.0\.0"):
        HttpServer((host, 0), health).start()


def test_the_port_is_free_again_after_stop(server: HttpServer, health: Health) -> None:
    port = server.port
    server.stop()
    again = HttpServer(("127.0.0.1", port), health)
    again.start()
    assert call(again, "/healthz")[0] == 200
    again.stop()
    again.stop()
    assert again.port == 0


def test_a_client_that_says_nothing_holds_up_neither_others_nor_the_end(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.sendall(b"GET /metrics HT")
        assert call(server, "/healthz")[0] == 200
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2


def test_ipv6(health: Health) -> None:
    server = HttpServer(("::1", 0), health)
    try:
        server.start()
    except ListenError:
        pytest.skip("no IPv6 on this host")
    connection = http.client.HTTPConnection("::1", server.port, timeout=5)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    server.stop()
