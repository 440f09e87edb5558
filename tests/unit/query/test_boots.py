"""Boot times: where the image was resident when the instance was created, and where it was not."""

from typing import Any

from precache.contract.times import NS_PER_S, rfc3339_us
from precache.query.api import Evidence, HostOutcome
from precache.query.boots import boot_times
from precache.query.records import StoredBoot, StoredOperation
from precache.query.residency import Question

HOUR = 3_600 * NS_PER_S
NOW = 2_000_000 * NS_PER_S


def operation(began: int, **values: Any) -> StoredOperation:
    told: dict[str, Any] = dict.fromkeys(StoredOperation.__struct_fields__, "") | {
        "cloud": "paris",
        "aggregate_uuid": "uuid-web",
        "aggregate_name": "web",
        "time": began,
        "operation": f"paris/uuid-web/req-{began}",
        "started_at": rfc3339_us(began),
        "start_missing": False,
    }
    return StoredOperation(**(told | values))


def reported(made: StoredOperation, host: str, after: int, *images: str) -> HostOutcome:
    return HostOutcome(made.time + after, made.cloud, host, made.operation, frozenset(images), frozenset())


def boot(host: str, ended: int, duration_s: float, image: str = "a", result: str = "active") -> StoredBoot:
    name = f"{host}-{ended}"
    return StoredBoot(
        cloud="paris", host=host, image=image, time=ended, instance=name, duration_s=duration_s, result=result
    )


def figures(
    boots: list[StoredBoot], operations: list[StoredOperation], outcomes: list[HostOutcome], since: int = 0
) -> list[Any]:
    question = Question(now_ns=NOW, purge_after_s=lambda *_: 86_400.0)
    return list(boot_times(boots, Evidence(operations, iter(outcomes)), question, since))


def test_what_was_there_by_then_counts() -> None:
    made = operation(NOW - 20 * HOUR)
    boots = [
        boot("seen", NOW, 3_600.0),  # reported before it was created
        boot("late", NOW - 15 * HOUR, 7_200.0),  # reported an hour after it was created
        boot("old", NOW + 5 * HOUR, 600.0),  # purged by then
        boot("other", NOW, 60.0, image="b"),  # another image
        boot("dead", NOW, 1.0, result="error"),
    ]
    outcomes = [
        reported(made, "seen", HOUR, "a"),
        reported(made, "late", 4 * HOUR, "a"),
        reported(made, "old", HOUR, "a"),
        reported(made, "other", HOUR, "a"),
        reported(made, "dead", HOUR, "a"),
    ]
    a, b = figures(boots, [made], outcomes)
    assert (a.resident, a.resident_median_s, a.absent, a.absent_median_s, a.failed) == (1, 3_600.0, 2, 3_900.0, 1)
    assert (b.image, b.resident, b.absent, b.failed) == ("b", 0, 1, 0)


def test_an_earlier_boot_makes_an_image_resident() -> None:
    boots = [boot("h", NOW - HOUR, 100.0), boot("h", NOW, 10.0), boot("h", NOW + 30 * HOUR, 90.0)]
    (found,) = figures(boots, [], [])
    assert (found.aggregate_uuid, found.aggregate_name) == ("unknown", "unknown")
    assert (found.resident, found.resident_median_s, found.absent, found.absent_median_s) == (1, 10.0, 2, 95.0)


def test_boots_before_the_time_that_is_asked_for_touch_and_are_not_counted() -> None:
    (found,) = figures([boot("h", NOW - HOUR, 100.0), boot("h", NOW, 10.0)], [], [], since=NOW)
    assert (found.resident, found.absent) == (1, 0)


def test_a_report_without_a_start_is_no_touch() -> None:
    made = operation(NOW - 2 * HOUR, start_missing=True)
    (found,) = figures([boot("h", NOW, 1.0)], [made], [reported(made, "h", 1, "a")])
    assert (found.aggregate_name, found.resident, found.absent) == ("web", 0, 1)


def test_median_and_p95_are_of_what_was_measured() -> None:
    made = operation(NOW - 2 * HOUR)
    hosts = [f"h{number}" for number in range(20)]
    boots = [boot(host, NOW, float(number + 1)) for number, host in enumerate(hosts)]
    (found,) = figures(boots, [made], [reported(made, host, 1, "a") for host in hosts])
    assert (found.resident, found.resident_median_s, found.resident_p95_s) == (20, 10.5, 19.0)
    assert (found.absent, found.absent_median_s, found.absent_p95_s) == (0, 0.0, 0.0)
