"""A small HTTP server that answers as Keystone, Glance and Nova do, and fails as it is reported to."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN: Final = "gAAAAABsecret-token-of-this-test"
PASSWORD: Final = "secret-password-of-this-test"
AGGREGATE: Final = "ccf82bd4-a15e-43c5-83ad-b23970338139"
IMAGE: Final = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"
OTHER_IMAGE: Final = "8f1d2c5e-9a0b-4d3f-b6a7-0c1e2d3f4a5b"


@dataclass
class Answer:
    """How to answer one request.

    Attributes:
        status: HTTP's.
        body: JSON, or text.
        headers: beside the usual ones.
        delay_s: before it is sent.
        cut: close the connection instead.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Asked:
    """A request to cache images, as it came."""

    path: str
    images: list[str]
    global_request_id: str
    microversion: str
    at_s: float


def refusal(status: int, words: str) -> Answer:
    """Return an answer as Nova refuses."""
    return Answer(status, {"computeFault": {"code": status, "message": words}})


class FakeOpenStack:
    """One cloud. Change its attributes at any time.

    Attributes:
        aggregates, images, services: what is there, as Nova and Glance show it.
        scripted: answers to be given first, by "METHOD PATH", one after the other.
        asked: the requests to cache images that came, refused ones included.
        requests: every request's method and path.
        on_ask: called for each request to cache images, before it is answered; returns the request id.
    """

    def __init__(self) -> None:
        self.aggregates = [aggregate(1, AGGREGATE, "foo", ["host1", "host2", "host3"])]
        self.images = [{"id": IMAGE, "name": "ubuntu", "status": "active"}]
        self.services = [service(name) for name in ("host1", "host2", "host3")]
        self.scripted: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.requests: list[str] = []
        self.on_ask: Callable[[Asked], str] = lambda asked: f"req-of-{len(self.asked)}-{asked.images[0][:4]}"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Be gone: connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    def script(self, request: str, *answers: Answer) -> None:
        """Have these answers given to the next requests of this method and path."""
        self.scripted.setdefault(request, []).extend(answers)

    def clouds_yaml(self, folder: Path, *names: str) -> Path:
        """Write a `clouds.yaml` with an entry for each name."""
        entry = {
            "auth": {
                "auth_url": f"{self.url}/v3",
                "username": "admin",
                "password": PASSWORD,
                "project_name": "admin",
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
            "region_name": "RegionOne",
        }
        file = folder / "clouds.yaml"
        file.write_text(yaml.safe_dump({"clouds": dict.fromkeys(names, entry)}))
        return file

    def answer(self, method: str, target: str, body: Any, headers: Any) -> Answer:
        """Return the answer to a request."""
        path = urlsplit(target).path
        self.requests.append(f"{method} {path}")
        asked = None
        if method == "POST" and path.startswith("/compute/v2.1/os-aggregates/"):
            gid, version = headers.get("X-OpenStack-Request-ID", ""), headers.get("OpenStack-API-Version", "")
            asked = Asked(path, [each["id"] for each in body["cache"]], gid, version, time.monotonic())
            self.asked.append(asked)
        queued = self.scripted.get(f"{method} {path}")
        if queued:
            return queued.pop(0)
        if asked is not None:
            return Answer(202, headers={"x-openstack-request-id": self.on_ask(asked)})
        return self._usual(method, path, parse_qs(urlsplit(target).query))

    def _usual(self, method: str, path: str, query: dict[str, list[str]]) -> Answer:
        answers: dict[str, Callable[[], Answer]] = {
            "GET /v3": lambda: Answer(body={"version": self._version("v3.14", "stable", "/v3")}),
            "POST /v3/auth/tokens": lambda: Answer(201, {"token": self._token()}, {"X-Subject-Token": TOKEN}),
            "GET /compute/v2.1": lambda: Answer(body={"version": self._version("v2.1", "CURRENT", "/compute/v2.1/")}),
            "GET /image": lambda: Answer(body={"versions": [self._version("v2.9", "CURRENT", "/image/v2/")]}),
            "GET /compute/v2.1/os-aggregates": lambda: Answer(body={"aggregates": self.aggregates}),
            "GET /compute/v2.1/os-services": lambda: Answer(body={"services": self.services}),
            "GET /image/v2/images": lambda: Answer(
                body={"images": [each for each in self.images if _fits(each, query)]}
            ),
        }
        usual = answers.get(f"{method} {path.rstrip('/')}")
        if usual is not None:
            return usual()
        found = [each for each in self.images if path == f"/image/v2/images/{each['id']}"]
        return Answer(body=found[0]) if found else refusal(404, f"Nothing is at {path}")

    def _version(self, name: str, status: str, path: str) -> dict[str, Any]:
        return {"id": name, "status": status, "links": [{"rel": "self", "href": self.url + path}]}

    def _token(self) -> dict[str, Any]:
        def service_of(kind: str, path: str) -> dict[str, Any]:
            endpoint = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": self.url + path}
            return {"type": kind, "name": kind, "endpoints": [{"id": kind, **endpoint}]}

        return {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "u", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "admin"}],
            "catalog": [service_of("compute", "/compute/v2.1"), service_of("image", "/image")],
        }


def aggregate(number: int, uuid: str, name: str, hosts: list[str]) -> dict[str, Any]:
    """Return an aggregate as Nova shows it."""
    return {"id": number, "uuid": uuid, "name": name, "hosts": hosts, "metadata": {}, "availability_zone": None}


def service(host: str, *, up: bool = True, enabled: bool = True) -> dict[str, Any]:
    """Return a compute service as Nova shows it."""
    state, status = "up" if up else "down", "enabled" if enabled else "disabled"
    return {"id": f"id-{host}", "binary": "nova-compute", "host": host, "state": state, "status": status}


def _fits(image: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """Whether an image has every property that Glance was asked for."""
    asked = {key: values for key, values in query.items() if key not in {"sort", "limit", "marker"}}
    return all(str(image.get(key, "")) in values for key, values in asked.items())


def _handler(cloud: FakeOpenStack) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = cloud.answer(method, self.path, json.loads(raw) if raw else None, self.headers)
            time.sleep(answer.delay_s)
            if answer.cut:
                self.close_connection = True
                return
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            content = b"" if answer.body is None else text.encode()
            kind = "text/html" if isinstance(answer.body, str) else "application/json"
            self.send_response(answer.status)
            headers = {"Content-Type": kind, "Content-Length": str(len(content)), **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            return

    return Handler
