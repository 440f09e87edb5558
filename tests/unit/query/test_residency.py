"""Residency: what each report, silence and boot makes of an image on a host, and that order does not matter."""

import random
from typing import Any

import pytest

from precache.contract.operation import Operation
from precache.contract.tables.measurements import MEASUREMENTS
from precache.contract.times import NS_PER_S, rfc3339_us
from precache.query.api import Evidence, HostOutcome
from precache.query.records import HostReport, StoredBoot, StoredOperation
from precache.query.residency import HostImage, Question, Residency, counts, estimate

HOUR = 3_600 * NS_PER_S
NOW = 2_000_000 * NS_PER_S
A, B = "image-a", "image-b"


def operation(name: str, began: int, images: str = A, **values: Any) -> StoredOperation:
    cloud, aggregate, _ = name.split("/")
    told: dict[str, Any] = {
        "cloud": cloud,
        "aggregate_uuid": aggregate,
        "aggregate_name": f"name-{aggregate}",
        "time": began,
        "operation": name,
        "status": "completed",
        "revision": 1,
        **dict.fromkeys(("hosts_total", "hosts_done", "hosts_failed", "errors"), 0),
        "hosts_silent": len(values.get("silent_hosts", ())),
        "percent": 100.0,
        "images": tuple(images.split()),
        "failed_hosts": (),
        "silent_hosts": (),
        "started_at": rfc3339_us(began),
        "ended_at": "",
        "duration_s": 1.0,
        "start_missing": False,
        "end_missing": False,
        **dict.fromkeys(("request_id", "project_id", "user_id"), ""),
    }
    return StoredOperation(**(told | values))


def outcome(operation: StoredOperation, host: str, cached: str = "", failed: str = "") -> HostOutcome:
    cloud = operation.cloud
    return HostOutcome(
        operation.time + 1, cloud, host, operation.operation, frozenset(cached.split()), frozenset(failed.split())
    )


def ask(
    operations: list[StoredOperation], outcomes: list[HostOutcome], boots: Any = (), **more: Any
) -> list[Residency]:
    told: dict[str, Any] = {"now_ns": NOW, "purge_after_s": lambda *_: 86_400.0}
    return estimate(Evidence(operations, iter(outcomes)), Question(**(told | more)), boots)


def states(found: Residency) -> dict[str, str]:
    return {f"{pair.host} {pair.image}": pair.state for pair in found.pairs}


def of_host(*events: tuple[int, str], boots: Any = (), margin_s: float = 4 * 3_600) -> HostImage:
    """Return what becomes of one image on one host, from what happened that many hours ago."""
    operations, outcomes = [], []
    for number, (hours, what) in enumerate(events):
        values: dict[str, Any] = {"start_missing": True} if what == "undated" else {}
        values |= {"silent_hosts": ("cn-1",)} if what == "silent" else {}
        made = operation(f"paris/agg/req-{number}", NOW - hours * HOUR, **values)
        operations.append(made)
        if what != "silent":
            outcomes.append(outcome(made, "cn-1", **({"failed": A} if what == "failed" else {"cached": A})))
    (found,) = ask(operations, outcomes, boots, margin_s=margin_s)
    (pair,) = found.pairs
    return pair


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([(1, "cached")], "resident"),
        ([(19, "cached")], "resident"),
        ([(20, "cached")], "resident"),
        ([(21, "cached")], "expiring"),
        ([(23, "cached")], "expiring"),
        ([(24, "cached")], "unsure"),
        ([(30, "cached")], "unsure"),
        ([(30, "cached"), (2, "cached")], "resident"),
        ([(1, "failed")], "failed"),
        ([(100, "failed")], "failed"),
        ([(2, "cached"), (1, "failed")], "failed"),
        ([(2, "failed"), (1, "cached")], "resident"),
        ([(1, "silent")], "silent"),
        ([(100, "silent")], "silent"),
        ([(2, "cached"), (1, "silent")], "resident"),
        ([(30, "cached"), (1, "silent")], "silent"),
        ([(2, "silent"), (30, "cached")], "silent"),
        ([(30, "cached"), (40, "silent")], "unsure"),
        ([(3, "cached"), (2, "failed"), (1, "silent")], "silent"),
        ([(1, "undated")], "unsure"),
        ([(2, "cached"), (1, "undated")], "resident"),
        ([(3, "cached"), (2, "failed"), (1, "undated")], "unsure"),
    ],
)
def test_what_happened_last_counts(events: list[tuple[int, str]], state: str) -> None:
    assert of_host(*events).state == state
    assert of_host(*reversed(events)).state == state


def test_a_touch_reports_when_it_was_and_when_it_expires() -> None:
    pair = of_host((30, "cached"), (5, "cached"))
    assert (pair.touched, pair.expires, pair.operation) == (NOW - 5 * HOUR, NOW + 19 * HOUR, "paris/agg/req-1")
    assert of_host((1, "failed")) == HostImage("cn-1", A, "failed", operation="paris/agg/req-0")


def test_a_boot_touches_at_the_instances_creation() -> None:
    def boot(hours: int, result: str = "active", **values: Any) -> StoredBoot:
        told: dict[str, Any] = {"cloud": "paris", "host": "cn-1", "image": A, "instance": "i", "duration_s": 3_600.0}
        return StoredBoot(**(told | {"time": NOW - hours * HOUR, "result": result} | values))

    pair = of_host((30, "cached"), boots=[boot(4)])
    assert (pair.state, pair.touched, pair.operation) == ("resident", NOW - 5 * HOUR, "")
    assert of_host((5, "failed"), boots=[boot(3)]).state == "resident"
    assert of_host((5, "failed"), boots=[boot(5)]).state == "failed"
    for other in ({"result": "error"}, {"host": "cn-2"}, {"image": B}, {"cloud": "rome"}):
        assert of_host((30, "cached"), boots=[boot(4, **other)]).state == "unsure"


def test_a_margin_makes_the_difference() -> None:
    assert of_host((13, "cached"), margin_s=3_600).state == "resident"
    assert of_host((13, "cached"), margin_s=12 * 3_600).state == "expiring"


def test_all_aggregates_of_a_host_count_and_each_has_its_own_purge_time() -> None:
    web = operation("paris/web/req-1", NOW - 30 * HOUR)
    gpu = operation("paris/gpu/req-2", NOW - 2 * HOUR)
    other = operation("rome/web/req-3", NOW - HOUR, status="completed")
    outcomes = [outcome(web, "cn-1", A), outcome(gpu, "cn-1", A), outcome(other, "cn-1", "", A)]
    found = ask([web, gpu, other], outcomes)
    assert [(each.cloud, each.aggregate_uuid) for each in found] == [
        ("paris", "gpu"),
        ("paris", "web"),
        ("rome", "web"),
    ]
    assert [states(each)[f"cn-1 {A}"] for each in found] == ["resident", "resident", "failed"]
    short = ask([web, gpu, other], outcomes, purge_after_s=lambda *names: 3_600.0 if "name-web" in names else 86_400.0)
    assert [states(each)[f"cn-1 {A}"] for each in short] == ["resident", "unsure", "failed"]


def test_the_hosts_are_those_of_the_last_operation_that_is_over_and_of_what_runs_since() -> None:
    first = operation("paris/web/req-1", NOW - 9 * HOUR, images=f"{A} {B}")
    last = operation("paris/web/req-2", NOW - 5 * HOUR, silent_hosts=("cn-10",))
    runs = operation("paris/web/req-3", NOW - HOUR, status="running")
    outcomes = [
        outcome(first, "gone", f"{A} {B}"),
        outcome(first, "cn-2", f"{A} {B}"),
        outcome(last, "cn-2", A),
        outcome(runs, "cn-3", A),
    ]
    (found,) = ask([runs, last, first], outcomes)
    assert found.hosts == ("cn-2", "cn-3", "cn-10")
    assert found.as_of == NOW - 5 * HOUR
    assert states(found) == {
        f"cn-2 {A}": "resident",
        f"cn-3 {A}": "resident",
        f"cn-10 {A}": "silent",
        f"cn-2 {B}": "resident",
    }
    (live,) = ask([runs, last, first], outcomes, live_hosts={("paris", "web"): ["cn-2", "new"]})
    assert (live.hosts, live.as_of) == (("cn-2", "new"), 0)
    assert states(live) == {
        f"cn-2 {A}": "resident",
        f"new {A}": "missing",
        f"cn-2 {B}": "resident",
        f"new {B}": "missing",
    }


def test_lists_that_were_cut_are_reported() -> None:
    cut = operation("paris/web/req-1", NOW - HOUR, silent_hosts=("cn-1",), hosts_silent=5_000)
    (found,) = ask([cut], [])
    assert found.lists_cut
    (live,) = ask([cut], [], live_hosts={("paris", "web"): ["cn-1"]})
    assert not live.lists_cut


def test_only_what_is_asked_for_is_answered() -> None:
    both = operation("paris/web/req-1", NOW - HOUR, images=f"{A} {B}")
    other = operation("paris/gpu/req-2", NOW - HOUR)
    outcomes = [outcome(both, "cn-1", f"{A} {B}"), outcome(other, "cn-1", A)]
    for name in ("web", "name-web"):
        (found,) = ask([both, other], outcomes, aggregate=name, image=B)
        assert (found.aggregate_uuid, states(found)) == ("web", {f"cn-1 {B}": "resident"})
    assert ask([both, other], outcomes, image="none") == []
    assert ask([], []) == []


def test_counts_of_each_state() -> None:
    pairs = [HostImage("h", A, "resident"), HostImage("i", A, "resident"), HostImage("j", A, "silent")]
    assert {state: count for state, count in counts(pairs) if count} == {"resident": 2, "silent": 1}


def test_the_order_of_what_is_known_does_not_matter() -> None:
    chance = random.Random(7)
    operations, outcomes = [], []
    for number in range(60):
        made = operation(
            f"paris/agg-{number % 3}/req-{number}",
            NOW - chance.randrange(60) * HOUR,
            images=chance.choice([A, B, f"{A} {B}"]),
            silent_hosts=(f"cn-{chance.randrange(5)}",),
            start_missing=chance.random() < 0.2,
            status=chance.choice(["completed", "running"]),
        )
        operations.append(made)
        for host in range(5):
            cached, failed = chance.choice([(A, ""), ("", A), (B, A), (f"{A} {B}", "")])
            outcomes.append(outcome(made, f"cn-{host}", cached, failed))
    expected = ask(operations, outcomes)
    assert {pair.state for each in expected for pair in each.pairs} >= {"resident", "failed"}
    for _ in range(20):
        chance.shuffle(operations)
        chance.shuffle(outcomes)
        assert ask(operations, outcomes) == expected


def test_records_have_the_names_that_the_store_has() -> None:
    by_name = {each.name: each for each in MEASUREMENTS}
    assert by_name["precache_operation"].record is Operation
    assert set(StoredOperation.__struct_fields__) == set(by_name["precache_operation"].columns())
    assert set(HostReport.__struct_fields__) < set(by_name["precache_progress"].columns())
