"""Each server killed, stopped, refusing, hanging, restarted again and again, under a bridge, a processor and a watch.

Each run is a row: a server and what happens to it. The three subjects of the matrix, bridge, processor and watch, are
looked at in each, so that a row is three cells; docs/reliability.md has the figures.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.path.cell import Cell
from tests.faults.path.site import Disturbance, Site, running
from tests.services.testing import Bucket, Cloud, Topics
from tests.support.stack import Stack

BOTH: Final = frozenset({"bridge", "processor"})
# A server that is gone is noticed sooner than one that says nothing more.
_NOTICED_S: Final = {"killed": 15.0, "refusing": 15.0, "restarted": 15.0, "stopped": 45.0, "hanging": 45.0}
# One of each kind, and what has found faults: a processor hung for good once Kafka had been away for some seconds, and
# a watch of RabbitMQ ended where a proxy dropped its connections meanwhile.
SHORT: Final = (
    ("kafka", "killed 5 s"),
    ("kafka", "refusing 8 s"),
    ("influxdb", "stopped 5 s"),
    ("influxdb", "hanging 5 s"),
    ("rabbitmq", "killed 5 s"),
)
KINDS: Final = (
    *("killed 5 s", "killed 20 s", "killed 90 s"),
    *("stopped 20 s", "stopped 90 s", "refusing 20 s", "hanging 20 s", "hanging 90 s", "restarted 10 s"),
)
LONG: Final = tuple((server, kind) for server in ("rabbitmq", "kafka", "influxdb") for kind in KINDS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture
def stack(site: Site, tmp_path: Path) -> Iterator[Stack]:
    servers = site.direct()
    name = f"test-{uuid.uuid4().hex[:12]}"
    bucket = Bucket(servers.influx_url, servers.influx_org, servers.influx_token, name)
    bucket.create()
    cloud = Cloud(
        servers.rabbitmq.transport_url, f"nova-{name}", f"precache-{name}", servers.rabbitmq.api_url
    ).in_own_vhost(name)
    yield Stack(tmp_path, servers, cloud, Topics(name), bucket, site.proxied())
    cloud.remove_vhost()


def play(site: Site, stack: Stack, server: str, text: str) -> str:
    """Play one row and return what came of it in one line."""
    disturbance = Disturbance.read(text)
    notices = BOTH if disturbance.seconds >= _NOTICED_S[disturbance.kind] else frozenset[str]()
    with Cell(stack, server).running() as cell:
        cell.begin()
        disturbance.happen(site.server(server), lambda seconds: cell.meanwhile(seconds, notices))
        cell.finish()
    figures = ", ".join(f"{name} {took:.1f} s" for name, took in cell.recovery_s.items())
    return f"| {server} | {disturbance} | {figures} |"


@pytest.mark.parametrize(("server", "kind"), SHORT)
def test_everything_goes_on_by_itself(site: Site, stack: Stack, server: str, kind: str) -> None:
    print(play(site, stack, server, kind))  # noqa: T201 - figures for docs


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("server", "kind"), LONG)
def test_everything_goes_on_by_itself_whatever_happens(
    site: Site, stack: Stack, server: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = play(site, stack, server, kind)
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201 - figures for docs
