"""What is refused before Nova is asked, and what is reported."""

from typing import Any

import pytest

from console.start.plan import PlannedRequest, check, separate, some
from console.watch.board import Board, BoardEntry
from precache.openstack.api import Aggregate, ComputeHost, Image
from tests.support.watched import IMAGE, OPERATION, operation, progress

UUID = OPERATION.split("/")[1]
ACTIVE = Image(IMAGE, "ubuntu", "active")
OTHER = Image("8f1d2c5e-9a0b-4d3f-b6a7-0c1e2d3f4a5b", "debian", "active")
UP = [ComputeHost(f"host{n}", up=True, enabled=True) for n in range(1, 4)]
ELSEWHERE = "paris/0f6f0b9e-5f0e-4a39-8f0d-1c1f3b1f7d18/req-9"


def wish(*images: Image, hosts: tuple[str, ...] = ("host1", "host2", "host3")) -> PlannedRequest:
    return PlannedRequest("paris", Aggregate(1, UUID, "foo", hosts), images or (ACTIVE,))


def running(*, reports: int = 0, images: list[str] | None = None, **changes: Any) -> list[BoardEntry]:
    board = Board()
    board.operation(operation(1, "running", images=[], **changes))
    for done in range(1, reports + 1):
        board.progress(progress(done, images_cached=images or [IMAGE], **changes), 0.0, 0.0)
    return board.running()


def test_nothing_speaks_against_it() -> None:
    found = check(wish(), UP, [])
    assert (found.refusals, found.warnings) == ([], [])


@pytest.mark.parametrize("status", ["queued", "saving", "deactivated", "killed"])
def test_an_image_that_is_not_active(status: str) -> None:
    found = check(wish(ACTIVE, Image(OTHER.id, "debian", status)), UP, [])
    assert found.refusals == [f"image 'debian' ({OTHER.id}) is {status}, not active: it would fail on every host"]


def test_an_aggregate_without_hosts() -> None:
    found = check(wish(hosts=()), UP, [])
    assert found.refusals == ["aggregate 'foo' has no hosts: there is nothing to cache on"]


def test_hosts_that_are_down_are_reported() -> None:
    hosts = [UP[0], ComputeHost("host2", up=False, enabled=True), ComputeHost("host3", up=True, enabled=False)]
    assert check(wish(), hosts, []).warnings == ["1 host is down and will fail at once: host2"]
    assert check(wish(), hosts[:1], []).warnings == ["2 of 3 hosts are down and will fail at once: host2, host3"]
    assert check(wish(), None, []).warnings == [], "this user may not list them"


def test_an_operation_that_may_be_for_the_same_images() -> None:
    [text] = check(wish(), UP, running(), "precache watch --kafka k:1").refusals
    assert text.startswith(f"{OPERATION} runs on this aggregate, and no host has reported its images yet")
    assert text.endswith(f"precache watch --kafka k:1 --operation {OPERATION}")


def test_an_operation_for_the_same_images() -> None:
    [text] = check(wish(), UP, running(reports=2)).refusals
    assert text.startswith(f"{OPERATION} already caches {IMAGE} on this aggregate (2 of 3 hosts)")


def test_an_operation_for_other_images_is_reported() -> None:
    found = check(wish(), UP, running(reports=1, images=[OTHER.id]))
    assert found.refusals == []
    assert found.warnings == [f"may be waiting behind what runs on this cloud: {OPERATION} (1 of 3 hosts)"]


def test_an_operation_on_another_aggregate_is_reported() -> None:
    found = check(wish(), UP, running(operation=ELSEWHERE))
    assert found.refusals == []
    assert found.warnings == [f"may be waiting behind what runs on this cloud: {ELSEWHERE} (0 of 3 hosts)"]


def test_a_cloud_that_its_bridge_calls_otherwise() -> None:
    [text] = check(wish(), UP, running(reports=1, operation=f"paris-1/{UUID}/req-9")).refusals
    assert text.startswith(f"paris-1/{UUID}/req-9 already caches")


def test_what_runs_on_other_clouds_is_in_nobodys_way() -> None:
    found = check(wish(), UP, running(operation=ELSEWHERE.replace("paris", "rome")))
    assert (found.refusals, found.warnings) == ([], [])


def test_without_kafka_it_says_what_it_cannot_know() -> None:
    found = check(wish(), UP, None)
    assert found.refusals == []
    assert "is not known: that takes Kafka" in found.warnings[0]


def test_a_request_for_each_image() -> None:
    assert [each.images for each in separate(wish(ACTIVE, OTHER))] == [(ACTIVE,), (OTHER,)]


def test_some_names() -> None:
    assert some(["db10", "db2"]) == "db2, db10"
    assert some(f"db{n}" for n in range(1, 9)) == "db1, db2, db3, db4, db5 and 3 more"
