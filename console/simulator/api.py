"""What the APIs of the simulated clouds answer: as much of Keystone, Glance and Nova as precache asks. No I/O.

Shapes: the OpenStack API references (Identity v3, Image v2, Compute v2.1 with microversion 2.81).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from console.simulator.clouds import IMAGES, SimulatedAggregate, SimulatedReport, SimulatedRequest

# The token that everybody gets.
_SUBJECT: Final = "simulated"
_REGION: Final = "RegionOne"
# Of a host's answers to requests by this API, one in so many is a failure.
_FAILS_ONE_IN: Final = 20
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """One answer."""

    status: int = 200
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(status: int, words: str) -> ApiAnswer:
    """Return an answer as Nova refuses."""
    return ApiAnswer(status, {"error": {"code": status, "message": words}})


class CloudApi:
    """The APIs of one cloud, below the path of its name.

    Args:
        name: the cloud's.
        url: where clients reach this cloud.
        aggregates: its host aggregates.
        on_request: is given each request to cache images.
    """

    def __init__(
        self,
        name: str,
        url: str,
        aggregates: list[SimulatedAggregate],
        on_request: Callable[[SimulatedRequest], None],
    ) -> None:
        self._name = name
        self._url = url
        self._aggregates = aggregates
        self._on_request = on_request
        self._asked = 0

    def answer(self, method: str, target: str, body: Any, headers: Mapping[str, str]) -> ApiAnswer:
        """Return the answer to a request.

        Args:
            method: GET or POST.
            target: the path within this cloud, with its query.
            body: JSON, as Python's values.
            headers: by their names in lower case.
        """
        parts = urlsplit(target)
        path = parts.path.strip("/")
        fixed = self._fixed(parse_qs(parts.query)).get(f"{method} {path}")
        if fixed is not None:
            return fixed()
        match method, path.split("/"):
            case "GET", ["image", "v2", "images", image]:
                found = [each for each in _images() if each["id"] == image]
                return ApiAnswer(body=found[0]) if found else refused(404, f"No image found with ID {image}")
            case "POST", ["compute", "v2.1", "os-aggregates", number, "images"]:
                return self._cache(number, body, headers)
        return refused(404, f"Nothing is simulated at {path}")

    def _fixed(self, query: Mapping[str, list[str]]) -> dict[str, Callable[[], ApiAnswer]]:
        """Return what is always answered, by method and path."""
        hosts = sorted({host for each in self._aggregates for host in each.hosts})
        return {
            "GET v3": lambda: ApiAnswer(body={"version": self._version("v3.14", "stable", "/v3")}),
            "POST v3/auth/tokens": lambda: ApiAnswer(201, {"token": self._token()}, {"X-Subject-Token": _SUBJECT}),
            "GET image": lambda: ApiAnswer(body={"versions": [self._version("v2.9", "CURRENT", "/image/v2/")]}),
            "GET image/v2/images": lambda: ApiAnswer(body={"images": _matching(query)}),
            "GET compute/v2.1": lambda: ApiAnswer(body={"version": self._version("v2.1", "CURRENT", "/compute/v2.1/")}),
            "GET compute/v2.1/os-aggregates": lambda: ApiAnswer(
                body={"aggregates": [_aggregate(each) for each in self._aggregates]}
            ),
            "GET compute/v2.1/os-services": lambda: ApiAnswer(body={"services": [_service(host) for host in hosts]}),
        }

    def _cache(self, number: str, body: Any, headers: Mapping[str, str]) -> ApiAnswer:
        found = [each for each in self._aggregates if str(each.number) == number]
        if not found:
            return refused(404, f"Aggregate {number} could not be found.")
        images = tuple(each["id"] for each in body["cache"])
        unknown = [each for each in images if each not in IMAGES.values()]
        if unknown:
            return refused(400, f"Image {unknown[0]} could not be found.")
        request = SimulatedRequest(
            self._name,
            found[0],
            images,
            tuple(self._report(host, images) for host in found[0].hosts),
            global_request_id=headers.get("x-openstack-request-id", ""),
        )
        self._on_request(request)
        return ApiAnswer(202, headers={"x-openstack-request-id": request.request_id})

    def _report(self, host: str, images: tuple[str, ...]) -> SimulatedReport:
        self._asked += 1
        fails = self._asked % _FAILS_ONE_IN == 0
        return SimulatedReport(host, () if fails else images, images if fails else ())

    def _version(self, name: str, status: str, path: str) -> Json:
        version = {"id": name, "status": status, "links": [{"rel": "self", "href": self._url + path}]}
        return version | ({"version": "2.96", "min_version": "2.1"} if name == "v2.1" else {})

    def _token(self) -> Json:
        domain = {"id": "default", "name": "Default"}

        def service(kind: str, path: str) -> Json:
            endpoint = {"interface": "public", "region": _REGION, "region_id": _REGION, "url": self._url + path}
            return {"type": kind, "name": kind, "endpoints": [{"id": f"{self._name}-{kind}", **endpoint}]}

        return {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "admin", "name": "admin", "domain": domain},
            "project": {"id": "admin", "name": "admin", "domain": domain},
            "roles": [{"id": "admin", "name": "admin"}],
            "catalog": [service("compute", "/compute/v2.1"), service("image", "/image")],
        }


def _images() -> list[Json]:
    return [
        {"id": image, "name": name, "status": "active", "created_at": "2026-01-01T00:00:00Z", "visibility": "public"}
        for name, image in IMAGES.items()
    ]


def _matching(query: Mapping[str, list[str]]) -> list[Json]:
    """Return the images that have every property that Glance was asked for."""
    asked = {key: values for key, values in query.items() if key not in {"sort", "limit", "marker"}}
    return [each for each in _images() if all(str(each.get(key, "")) in values for key, values in asked.items())]


def _aggregate(each: SimulatedAggregate) -> Json:
    return {
        "id": each.number,
        "uuid": each.uuid,
        "name": each.name,
        "hosts": list(each.hosts),
        "metadata": {},
        "availability_zone": None,
    }


def _service(host: str) -> Json:
    return {"id": str(uuid4()), "binary": "nova-compute", "host": host, "state": "up", "status": "enabled"}
