"""What proxies, networks and certificates do to the InfluxDB store, by an HTTP server that answers by script."""

import gzip
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr

from precache.config.store import InfluxStoreConfig
from processor.stores.api import StoreRetry, WriteReport
from processor.stores.influxdb.store import REQUESTS_AT_ONCE, InfluxStore
from processor.stores.opening import open_store
from tests.services.network import free_ports
from tests.support.store_rows import operation, progress

TLS: Final = Path(__file__).parents[2] / "data" / "tls"
TOKEN: Final = "s3cret-t0ken"


@contextmanager
def opened(config: InfluxStoreConfig) -> Iterator[InfluxStore]:
    store = open_store(config)
    assert isinstance(store, InfluxStore)
    yield store
    store.close()


class Script:
    """An HTTP server that answers writes from a list; once that is empty, with 204."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.max_bytes = 10**9
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.delay_s = 0.0
        self.idle_s: float | None = None

    def handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                script.connections += 1
                self.timeout = script.idle_s  # type: ignore[misc]  # socketserver reads it from the instance
                super().setup()

            def do_GET(self) -> None:
                self._answer(200, {}, b'{"buckets": []}')

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                script.headers.append(dict(self.headers))
                time.sleep(script.delay_s)
                if len(raw) > script.max_bytes:
                    self._answer(413, {}, b"<h1>Request Entity Too Large</h1>")
                elif script.answers:
                    self._answer(*script.answers.pop(0))
                else:
                    script.bodies.append(gzip.decompress(raw))
                    self._answer(204, {}, b"")

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        return Handler

    def lines(self) -> list[bytes]:
        return [line for body in self.bodies for line in body.split(b"\n") if line]


@contextmanager
def serving(script: Script, context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), script.handler())
    # A client that does not trust us breaks off in the middle of the handshake: no news.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def scripted(script: Script) -> Iterator[Callable[..., InfluxStore]]:
    stores: list[InfluxStore] = []
    with serving(script) as port:

        def make(**more: Any) -> InfluxStore:
            values: dict[str, Any] = {"url": f"http://127.0.0.1:{port}/base", "org": "o", "bucket": "b", "token": TOKEN}
            store = open_store(InfluxStoreConfig(type="influxdb", **(values | more)))
            assert isinstance(store, InfluxStore)
            stores.append(store)
            return store

        yield make
        for store in stores:
            store.close()


@pytest.mark.parametrize(
    ("answer", "actionable", "retry_after_s", "said"),
    [
        (
            (429, {"Retry-After": "30"}, b'{"code":"too many requests","message":"slow down"}'),
            False,
            30.0,
            "429 slow down",
        ),
        ((503, {"Retry-After": "2"}, b"Service Unavailable"), False, 2.0, "503 Service Unavailable"),
        ((500, {}, b'{"code":"internal error","message":"timeout"}'), False, None, "500 timeout"),
        ((502, {}, b"<html>Bad Gateway</html>"), False, None, "502 <html>Bad Gateway</html>"),
        ((302, {"Location": "https://login.example/"}, b""), True, None, "is its address"),
        (
            (400, {}, b"The plain HTTP request was sent to HTTPS port"),
            True,
            None,
            "is its address",
        ),
        ((404, {}, b"404 page not found"), True, None, "is its address"),
        ((403, {}, b"\xff\xfe"), True, None, "see that it runs and that `store.url` is right"),
    ],
)
def test_an_answer_that_is_no_refusal_is_to_be_tried_again(
    script: Script,
    scripted: Callable[..., InfluxStore],
    answer: tuple[int, dict[str, str], bytes],
    *,
    actionable: bool,
    retry_after_s: float | None,
    said: str,
) -> None:
    store = scripted()
    script.answers = [answer]
    with pytest.raises(StoreRetry) as raised:
        store.write([progress()])
    assert (raised.value.actionable, raised.value.retry_after_s) == (actionable, retry_after_s)
    assert said in str(raised.value)
    assert script.bodies == [], "an answer like that was tried again by the client itself"
    assert store.write([progress()]) == WriteReport()
    assert len(script.lines()) == 1


def test_requests_are_compressed_on_two_connections_and_carry_the_token(
    script: Script, scripted: Callable[..., InfluxStore]
) -> None:
    store = scripted(batch=100)
    rows = [progress(host=f"cn-{number}") for number in range(1_050)]
    store.write(rows)
    assert sorted(body.count(b"\n") + 1 for body in script.bodies) == [50] + [100] * 10
    assert len(set(script.lines())) == 1_050
    assert {sent["Content-Encoding"] for sent in script.headers} == {"gzip"}
    assert {sent["Authorization"] for sent in script.headers} == {f"Token {TOKEN}"}
    assert script.connections == REQUESTS_AT_ONCE


def test_rows_that_may_replace_one_another_go_out_in_order(
    script: Script, scripted: Callable[..., InfluxStore]
) -> None:
    store = scripted(batch=10)
    script.delay_s = 0.005
    store.write([operation(revision=number) for number in range(100)])
    revisions = [int(found) for line in script.lines() for found in re.findall(r"revision=(\d+)i", str(line))]
    assert revisions == list(range(100))
    assert script.connections == 1


def test_a_write_that_fails_leaves_none_under_way(script: Script, scripted: Callable[..., InfluxStore]) -> None:
    store = scripted(batch=100)
    script.delay_s = 0.05
    script.answers.append((503, {}, b""))
    with pytest.raises(StoreRetry):
        store.write([progress(host=f"cn-{number}") for number in range(600)])
    arrived = len(script.headers)
    assert arrived < 6, "once one has failed, no other is begun"
    assert len(script.bodies) == arrived - 1, "a request was under way after the write"


def test_a_connection_that_the_server_closed_while_idle_is_no_trouble(
    script: Script, scripted: Callable[..., InfluxStore]
) -> None:
    script.idle_s = 0.1
    store = scripted()
    store.write([progress()])
    time.sleep(0.4)
    assert store.write([progress()]) == WriteReport()
    assert (len(script.lines()), script.connections) == (2, 2)


def test_a_proxy_that_takes_small_requests_only_gets_small_ones(
    script: Script, scripted: Callable[..., InfluxStore]
) -> None:
    store = scripted()
    script.max_bytes = 1_000
    rows = [progress(host=f"cn-{number}") for number in range(500)]
    assert store.write(rows) == WriteReport()
    assert len(script.lines()) == 500


def test_a_server_that_does_not_answer_in_time(script: Script, scripted: Callable[..., InfluxStore]) -> None:
    store = scripted(timeout=0.3)
    store.check()
    script.delay_s = 1.0
    began = time.monotonic()
    with pytest.raises(StoreRetry, match=r"can't be reached: ReadTimeoutError: .*see that it runs") as raised:
        store.write([progress()])
    assert time.monotonic() - began < 0.9
    assert not raised.value.actionable


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_no_server_at_all(host: str) -> None:
    (port,) = free_ports(1)
    url = f"http://{host}:{port}"
    config = InfluxStoreConfig(type="influxdb", url=url, org="o", bucket="b", token=SecretStr(TOKEN))
    with opened(config) as store:
        for attempt in (store.check, lambda: store.write([progress()])):
            with pytest.raises(StoreRetry, match=f"InfluxDB at {url} can't be reached") as raised:
                attempt()
            assert not raised.value.actionable


def tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "localhost.pem")
    return context


def test_tls_with_an_authority_of_our_own(script: Script) -> None:
    with serving(script, tls_context()) as port:
        values: dict[str, Any] = {"org": "o", "bucket": "b", "token": TOKEN, "url": f"https://localhost:{port}"}
        with opened(InfluxStoreConfig(type="influxdb", ca_file=TLS / "localhost.crt", **values)) as store:
            assert store.write([progress()]) == WriteReport()
        with opened(InfluxStoreConfig(type="influxdb", **values)) as stranger:
            with pytest.raises(StoreRetry, match=r"or name its authority's file in `store\.ca_file`") as raised:
                stranger.write([progress()])
            assert raised.value.actionable
    assert len(script.lines()) == 1
