"""The pages as a process, on data of the whole path."""

import time
from urllib.parse import quote, urlsplit

from tests.integration.web.pages import Web
from tests.support import captures
from tests.support.process import wait_until
from tests.support.stack import Stack

LARGE = "blog-95-hosts-8-errors"


def test_every_page_as_html_and_as_json(ended: Stack) -> None:
    with Web(ended).wait_up() as web:
        wait_until(lambda: not web.view("/")["live_problem"], "Kafka to be read")
        wait_until(lambda: web.view("/")["totals"]["ended"] == len(captures.ALL), "the last result")
        overview = web.view("/")
        assert {row["cloud"]: row["bridge"] for row in overview["clouds"]} == {"paris": "alive"}
        [large] = [row for row in overview["wrong"] if row["hosts_total"] == 95]
        operation = web.view(f"/operation/{large['operation']}")
        assert operation["results"] == {"cached": 87, "failed": 8, "silent": 0, "waiting": 0}
        assert len(operation["hosts"]) == 95
        assert web.view(f"/operation/{operation['operation']['request_id']}") | {"as_of": ""} == operation | {
            "as_of": ""
        }
        residency = web.view(f"/residency?cloud=paris&aggregate={large['aggregate_uuid']}")
        assert [row["states"]["failed"] for row in residency["images"]] == [8]
        assert len(residency["grid"]["hosts"]) == 95
        assert {row["instance"] for row in web.view("/bridges")["bridges"]} == {"paris-1"}
        failed = web.view("/operations?status=completed_with_errors")["operations"]
        assert len(failed) == 2
        assert web.view("/wanted")["wanted"] == []
        assert web.view("/boots")["boots"] == []
        pages = ["/", "/operations", "/wanted", "/boots", "/bridges", "/residency?cloud=paris"]
        for path in [*pages, f"/operation/{large['operation']}"]:
            answer = web.get(path)
            assert answer.status == 200
            assert answer.body.startswith("<!doctype html>")
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
        assert web.stop() == 0
        assert "web.failed" not in web.stderr


def test_it_only_shows(ended: Stack) -> None:
    with Web(ended, base_path="/precache").wait_up() as web:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert web.get("/precache/", method).status == 405
        assert web.get("/precache/", "HEAD").status == 200
        assert web.get("/precache/nothing").status == 404
        assert "no operation" in web.get("/precache/operation/paris/x/y").body
        assert web.get("/").status == 404
        body = web.get("/precache/").body
        assert 'href="/precache/operations"' in body
        assert web.get(body.partition('src="')[2].partition('"')[0]).status == 200
        assert web.get("/precache/static/../app.py").status == 404
        assert web.get("/precache/static/%2e%2e/app.py").status == 404


def test_a_running_operation_moves_in_the_stream(stack: Stack) -> None:
    start, *reports, end = captures.read_as_of_now(LARGE)
    with Web(stack).wait_up() as web:
        stack.publish([start, *reports[:10]])
        wait_until(lambda: [row["hosts_done"] for row in web.view("/")["running"]] == [10], "ten hosts on the page", 30)
        [running] = web.view("/")["running"]
        name = quote(running["operation"])
        with web.stream("overview") as overview, web.stream(f"operation?operation={name}") as operation:
            assert "10/95" in next(overview)
            assert "10 of 95" in next(operation)
            stack.publish(reports[10:40])
            assert any("40/95" in state for state in overview)
            assert any("40 of 95" in state for state in operation)
            stack.publish([*reports[40:], end])
            assert any("Nothing runs" in state for state in overview)
            assert any("completed with errors" in state for state in operation)
        assert web.stop() == 0


def test_two_hundred_open_pages_cost_one_reader_of_kafka(ended: Stack) -> None:
    port = urlsplit(f"//{ended.servers.kafka}").port or 0
    with Web(ended).wait_up() as web:
        wait_until(lambda: not web.view("/")["live_problem"], "Kafka to be read")
        before = web.connections_to(port)
        assert before > 0
        text = b"GET /stream/overview HTTP/1.1\r\nHost: x\r\n\r\n"
        clients = [web.connect(text) for _ in range(200)]
        try:
            for client in clients:
                assert b"event-stream" in client.recv(4_096)
            time.sleep(2)
            assert web.connections_to(port) == before
            began = time.monotonic()
            assert web.get("/").status == 200
            assert time.monotonic() - began < 5
            # Half of them took nothing since, and are in nobody's way.
            began = time.monotonic()
            assert web.stop() == 0
            assert time.monotonic() - began < 15
        finally:
            for client in clients:
                client.close()


def test_streams_are_bounded(ended: Stack) -> None:
    with Web(ended).wait_up() as web:
        text = b"GET /stream/bridges HTTP/1.1\r\nHost: x\r\n\r\n"
        clients = [web.connect(text) for _ in range(500)]
        try:
            for client in clients:
                assert b"event-stream" in client.recv(4_096)
            answer = web.get("/stream/bridges")
            assert (answer.status, answer.headers["retry-after"]) == (503, "30")
            assert web.get("/").status == 200
        finally:
            for client in clients:
                client.close()
        wait_until(lambda: web.is_streaming("bridges"), "streams to be served again")


def test_a_connection_that_asks_for_nothing_is_closed(ended: Stack) -> None:
    with Web(ended).wait_up() as web:
        silent, slow = web.connect(), web.connect(b"GET / HTTP/1.1\r\nHo")
        began = time.monotonic()
        assert silent.recv(1) == b""
        assert slow.recv(1) == b""
        assert 5 < time.monotonic() - began < 25
        silent.close()
        slow.close()


def test_kafka_away_the_store_answers_and_the_page_says_so(stack: Stack) -> None:
    start, *reports, _ = captures.read_as_of_now(LARGE)
    stack.publish([start, *reports[:10]])
    stack.wait_processed(11)
    with Web(stack, kafka={"bootstrap.servers": "127.0.0.1:1"}).wait_up() as web:
        wait_until(lambda: "reached" in web.view("/")["live_problem"], "the reason", 30)
        view = web.view("/")
        assert [row["hosts_done"] for row in view["running"]] == [10]
        assert "Figures of running operations are those of the store" in web.get("/").body


def test_a_store_that_is_away_is_said(stack: Stack) -> None:
    store = {"type": "influxdb", "url": "http://127.0.0.1:1", "org": "o", "bucket": "b", "token": "hush"}
    with Web(stack, store=store).wait_up() as web:
        answer = web.get("/")
        assert answer.status == 503
        assert "The store cannot be read" in answer.body
        assert "127.0.0.1:1" in answer.body
        assert "hush" not in answer.body + web.stderr
        assert web.get("/?format=json").json()["error"] == "The store cannot be read"
        with web.stream("overview") as states:
            assert "127.0.0.1:1" in next(states)
        assert web.stop() == 0


def test_an_address_in_use_is_said(stack: Stack) -> None:
    with Web(stack).wait_up() as web, Web(stack, listen=f"127.0.0.1:{web.port}") as second:
        assert second.wait_end() == 1
        assert "address in use" in second.stderr
        assert "Traceback" not in second.stderr
