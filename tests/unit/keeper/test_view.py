"""From what Nova, Glance and the store say to what the planner sees."""

from msgspec import structs

from keeper.core.declaration import ImageChoice
from keeper.core.observed import ObservedHostImage
from keeper.view import (
    HostClock,
    merged,
    observed_aggregates,
    observed_images,
    observed_operation,
    observed_residency,
)
from precache.openstack.api import Aggregate, ComputeHost, Image
from precache.query.records import StoredOperation
from precache.query.residency import HostImage, Residency
from tests.support.stored_story import UBUNTU, WEB

NS = 1_000_000_000


def since(clock: HostClock, hosts: list[str], now_s: float, *down: str) -> dict[str, tuple[bool, float | None]]:
    services = [ComputeHost(name, name not in down, enabled=True) for name in hosts]
    (found,) = observed_aggregates([Aggregate(1, "uuid", "web", tuple(hosts))], services, clock, now_s)
    return {host.name: (host.up, host.since_s) for host in found.hosts}


def test_since_when_a_host_is_there_and_up() -> None:
    clock = HostClock()
    assert since(clock, ["a", "b"], 100.0, "b") == {"a": (True, None), "b": (False, None)}
    assert since(clock, ["a", "b", "c"], 200.0) == {"a": (True, None), "b": (True, 200.0), "c": (True, 200.0)}
    assert since(clock, ["a", "c"], 300.0, "a") == {"a": (False, None), "c": (True, 200.0)}
    assert since(clock, ["a", "b", "c"], 400.0) == {"a": (True, 400.0), "b": (True, 400.0), "c": (True, 200.0)}


def test_a_host_without_a_service_counts_as_up() -> None:
    (found,) = observed_aggregates([Aggregate(1, "uuid", "web", ("a",))], [], HostClock(), 1.0)
    assert found.hosts[0].up


def test_an_image_found_twice_has_the_properties_of_both_choices() -> None:
    image = Image("i", "ubuntu", "active", "2026")
    by_name = observed_images(ImageChoice("ubuntu"), [image])
    by_property = observed_images(ImageChoice(properties=(("os_distro", "ubuntu"),)), [image])
    (found,) = merged([*by_name, *by_property])
    assert (found.id, found.properties) == ("i", {"os_distro": "ubuntu"})


def test_when_an_operation_last_moved() -> None:
    row = StoredOperation(
        **WEB,
        time=100 * NS,
        operation="paris/uuid/req-1",
        status="running",
        revision=0,
        hosts_total=2,
        hosts_done=1,
        hosts_failed=0,
        hosts_silent=0,
        errors=0,
        percent=50.0,
        images=(UBUNTU,),
        failed_hosts=(),
        silent_hosts=(),
        started_at="1970-01-01T00:01:40.000000Z",
        ended_at="",
        duration_s=30.0,
        start_missing=False,
        end_missing=False,
        request_id="req-1",
        project_id="",
        user_id="",
        global_request_id="req-g",
    )
    found = observed_operation(row)
    assert (found.started_s, found.last_event_s, found.global_request_id) == (100.0, 130.0, "req-g")
    ended = structs.replace(row, status="completed", ended_at="1970-01-01T00:03:20.000000Z")
    assert observed_operation(ended).last_event_s == 200.0


def test_residency_is_told_apart_by_the_last_report() -> None:
    pairs = (
        HostImage("a", UBUNTU, "resident", 5 * NS, 9 * NS, "op"),
        HostImage("b", UBUNTU, "failed", operation="op"),
        HostImage("c", UBUNTU, "silent", 3 * NS, 9 * NS, "op"),
        HostImage("d", UBUNTU, "unsure", operation="op"),
        HostImage("e", UBUNTU, "missing"),
    )
    found = Residency(
        cloud="paris",
        aggregate_uuid="uuid",
        aggregate_name="web",
        as_of=0,
        hosts=("a", "b", "c", "d", "e"),
        images=(UBUNTU,),
        lists_cut=False,
        pairs=pairs,
    )
    assert observed_residency([found]) == {
        ("uuid", UBUNTU): {
            "a": ObservedHostImage("cached", 5.0),
            "b": ObservedHostImage("failed", None),
            "c": ObservedHostImage("silent", 3.0),
            "d": ObservedHostImage("cached", None),
        }
    }
