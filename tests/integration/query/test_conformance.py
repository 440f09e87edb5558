"""What every reader answers, value by value: the same questions to InfluxDB and to SQLite, and what is right."""

from typing import Any

import pytest
from msgspec import structs

from precache.contract.heartbeat import Heartbeat
from precache.contract.operation import Operation
from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from precache.query.api import OPEN_STATUSES, BootFilter, OperationFilter, WantedFilter
from precache.query.boots import boot_times
from precache.query.records import BridgeState, HostReport, StoredBoot, StoredOperation, WantedImage
from precache.query.residency import Question, estimate
from tests.support.store_rows import OPERATION, operation, progress, wanted
from tests.support.stored_story import DAY, DB, DEBIAN, GPU, HOUR, NOW, ODD, UBUNTU, WEB, identity, ran, story

_LISTS = ("images", "images_cached", "images_failed", "failed_hosts", "silent_hosts")


def as_read(row: Row, shape: type[Any]) -> Any:
    """Return a row as a reader gives it back, made without the product's conversion."""
    values = structs.asdict(row.record)
    if isinstance(row.record, Heartbeat):
        values |= structs.asdict(row.record.counts)
    values["time"] = row.time_ns
    known = {name: values[name] for name in shape.__struct_fields__}
    return shape(**{name: tuple(value) if name in _LISTS else value for name, value in known.items()})


def operations_of(rows: list[Row]) -> list[StoredOperation]:
    found = [as_read(row, StoredOperation) for row in rows if isinstance(row.record, Operation)]
    return sorted(found, key=lambda each: -each.time)


WANTED: list[tuple[dict[str, Any], str]] = [
    ({}, "now last lost gpu first old"),
    ({"limit": 2}, "now last"),
    ({"limit": 100}, "now last lost gpu first old"),
    ({"cloud": "rome"}, "now"),
    ({"cloud": "nowhere", "limit": 5}, ""),
    ({"aggregate": "web tier"}, "last first old"),
    ({"aggregate": GPU["aggregate_uuid"]}, "lost gpu"),
    ({"image": DEBIAN}, "first old"),
    ({"image": ODD}, "lost"),
    ({"image": UBUNTU[:-1]}, ""),
    ({"statuses": OPEN_STATUSES}, "now"),
    ({"statuses": frozenset({"completed"}), "limit": 3}, "lost gpu old"),
    ({"since_ns": NOW - 23 * HOUR}, "now last lost gpu first"),
    ({"cloud": "paris", "since_ns": NOW - 6 * HOUR, "limit": 1}, "last"),
    ({"cloud": "o'brien", "aggregate": "a\\' OR 1=1", "image": "/"}, ""),
]


def test_operations(stores: list[Any]) -> None:
    of = {each.request_id.removeprefix("req-"): each for each in operations_of(story())}
    for store in stores:
        store.write(story())
        for asked, names in WANTED:
            assert store.reader.operations(OperationFilter(**asked)) == [of[name] for name in names.split()], asked


def test_operations_that_began_at_one_moment_come_by_their_ids(stores: list[Any]) -> None:
    rows = [operation(time_ns=NOW, cloud=f"c-{name}", operation=f"c-{name}/x/req-{9 - name}") for name in range(4)]
    rows.append(operation(time_ns=NOW + 1, cloud="c-last", operation="c-last/x/req-0"))
    names = ["c-last/x/req-0", *(f"c-{name}/x/req-{9 - name}" for name in range(4))]
    for store in stores:
        store.write(rows)
        for limit in (None, 1, 3, 5):
            found = [each.operation for each in store.reader.operations(OperationFilter(limit=limit))]
            assert found == names[:limit]


@pytest.mark.parametrize("name", [identity(WEB, "first"), "req-first", "req-global-first"])
def test_an_operation_is_found_by_each_of_its_ids(stores: list[Any], name: str) -> None:
    for store in stores:
        store.write(story())
        (found,) = store.reader.find(name)
        assert found.operation == identity(WEB, "first")
        (row,) = (row for row in story() if row.time_ns == NOW - 23 * HOUR and isinstance(row.record, Operation))
        assert found == as_read(row, StoredOperation)
        reports = store.reader.reports(found)
        points = [
            row for row in story() if isinstance(row.record, Progress) and row.record.operation == found.operation
        ]
        assert reports == [as_read(row, HostReport) for row in points]


def test_ids_that_name_several_or_none(stores: list[Any]) -> None:
    twice: dict[str, Any] = {"global_request_id": "req-twice"}
    rows = [
        *ran(WEB, "b", NOW, {}, **twice, hosts_total=1, percent=0.0),
        *ran(DB, "a", NOW - 1, {}, **twice, percent=0.0),
    ]
    for store in stores:
        store.write(rows)
        assert [each.operation for each in store.reader.find("req-twice")] == [identity(DB, "a"), identity(WEB, "b")]
        store.write(ran(WEB, "c", NOW - 2, {}, global_request_id=""))
        for nothing in ("req-none", identity(WEB, "none"), "", "a/b", "a'/b/c"):
            assert store.reader.find(nothing) == []


def test_reports_far_from_their_operation_are_found_all_the_same(stores: list[Any]) -> None:
    rows = [
        operation(time_ns=NOW, status="completed", hosts_done=2, ended_at="2026-11-25T12:10:00Z"),
        progress(time_ns=NOW - 3 * HOUR, host="cn-1"),
        progress(time_ns=NOW + DAY, host="cn-2"),
        progress(time_ns=NOW, host="cn-3", operation="another"),
    ]
    for store in stores:
        store.write(rows)
        (found,) = store.reader.find(OPERATION)
        assert [report.host for report in store.reader.reports(found)] == ["cn-1", "cn-2"]


def test_what_is_not_there_is_no_error(stores: list[Any]) -> None:
    for store in stores:
        store.write([])
        assert store.reader.operations(OperationFilter()) == []
        assert store.reader.operations(OperationFilter(limit=3)) == []
        evidence = store.reader.evidence(0)
        assert (evidence.operations, list(evidence.outcomes)) == ([], [])
        assert store.reader.boots(BootFilter()) == []
        assert store.reader.bridges() == []
        assert store.reader.wanted(WantedFilter()) == []


def test_the_last_heartbeat_of_each_bridge(stores: list[Any]) -> None:
    last = [as_read(row, BridgeState) for row in story() if isinstance(row.record, Heartbeat)][1:]
    for store in stores:
        store.write(story())
        assert store.reader.bridges() == last


def test_evidence_is_the_same_and_whole(stores: list[Any]) -> None:
    found = []
    for store in stores:
        store.write(story())
        operations, outcomes = store.reader.evidence(NOW - 2 * DAY, "paris")
        assert [each.request_id for each in operations] == ["req-last", "req-lost", "req-gpu", "req-first"]
        found.append(sorted(outcomes, key=lambda each: (each.operation, each.host)))
    assert found[0] == found[1]
    assert [(each.host, set(each.cached), set(each.failed)) for each in found[0]] == [
        ("cn-1", {UBUNTU}, set()),
        ("cn-1", {ODD}, set()),
        ("cn-1", {UBUNTU, DEBIAN}, set()),
        ("cn-2", {UBUNTU}, {DEBIAN}),
        ("cn-2", {UBUNTU}, set()),
        ("cn-4", {UBUNTU}, set()),
    ]


def test_hosts_that_report_other_images_than_the_operation_has(stores: list[Any]) -> None:
    hosts: dict[str, tuple[list[str], list[str]]] = {"cn-1": ([UBUNTU], []), "cn-2": ([], []), "cn-3": ([], [DEBIAN])}
    for store in stores:
        store.write(ran(WEB, "uneven", NOW, hosts))
        found = {each.host: (set(each.cached), set(each.failed)) for each in store.reader.evidence(0).outcomes}
        assert found == {"cn-1": ({UBUNTU}, set()), "cn-2": (set(), set()), "cn-3": (set(), {DEBIAN})}


BOOTS = [
    StoredBoot(cloud=cloud, host=host, image=image, time=time, instance=name, duration_s=duration_s, result=result)
    for cloud, host, image, time, name, duration_s, result in [
        ("paris", "cn-1", UBUNTU, NOW, "i-1", 20.0, "active"),
        ("paris", "cn-3", UBUNTU, NOW - HOUR, "i-2", 90.5, "active"),
        ("paris", "cn-3", UBUNTU, NOW, "i-3", 10.0, "active"),
        ("paris", "cn-3", UBUNTU, NOW + 1, "i-4", 1.0, "error"),
        ("rome", "elsewhere", DEBIAN, NOW - DAY, "i-5", 7.0, "active"),
    ]
]


def test_boots_as_the_contract_has_them(stores: list[Any]) -> None:
    for store in stores:
        store.write([])
        store.write_boots(BOOTS)
        assert store.reader.boots(BootFilter()) == sorted(BOOTS, key=lambda each: each.time)
        assert [each.instance for each in store.reader.boots(BootFilter(cloud="paris", since_ns=NOW))] == [
            "i-1",
            "i-3",
            "i-4",
        ]
        assert store.reader.boots(BootFilter(image="none")) == []


def test_residency_and_boot_times_are_the_same_from_both(stores: list[Any]) -> None:
    question = Question(now_ns=NOW, purge_after_s=lambda *_: 86_400.0)
    answers = []
    for store in stores:
        store.write(story())
        store.write_boots(BOOTS)
        boots = store.reader.boots(BootFilter())
        answers.append(
            (
                estimate(store.reader.evidence(NOW - 7 * DAY), question, boots),
                boot_times(boots, store.reader.evidence(NOW - 7 * DAY), question, 0),
            )
        )
    assert answers[0] == answers[1]
    residency, times = answers[0]
    assert [each.aggregate_name for each in residency] == ["gpu", "web tier", "db"]
    assert {(pair.host, pair.image, pair.state) for pair in residency[1].pairs} == {
        ("cn-1", DEBIAN, "expiring"),
        ("cn-2", DEBIAN, "failed"),
        ("cn-3", DEBIAN, "silent"),
        ("cn-1", UBUNTU, "resident"),
        ("cn-2", UBUNTU, "resident"),
        ("cn-3", UBUNTU, "resident"),
        ("cn-4", UBUNTU, "resident"),
    }
    assert [(each.aggregate_name, each.resident, each.absent, each.failed) for each in times] == [
        ("gpu", 1, 0, 0),
        ("web tier", 2, 1, 1),
        ("unknown", 0, 1, 0),
    ]


def test_the_last_state_of_each_declared_image(stores: list[Any]) -> None:
    rows = [
        wanted(time_ns=NOW - HOUR, state="working", hosts_resident=0),
        wanted(time_ns=NOW, aggregate_name="a new 'name'"),
        wanted(time_ns=NOW - DAY, image=DEBIAN, state="removed", next_at=""),
        wanted(time_ns=NOW, cloud="rome", aggregate_uuid=DB["aggregate_uuid"], aggregate_name="db", state="paused"),
    ]
    renamed, removed, rome = (as_read(row, WantedImage) for row in rows[1:])
    for store in stores:
        store.write(rows)
        assert store.reader.wanted(WantedFilter()) == [renamed, removed, rome]
        assert store.reader.wanted(WantedFilter(cloud="rome")) == [rome]
        assert store.reader.wanted(WantedFilter(aggregate="a new 'name'")) == [renamed]
        assert store.reader.wanted(WantedFilter(aggregate=DB["aggregate_uuid"], cloud="rome")) == [rome]
        assert store.reader.wanted(WantedFilter(image=DEBIAN)) == [removed]
        assert store.reader.wanted(WantedFilter(image="none")) == []
