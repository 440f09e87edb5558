"""What each page makes of what store and Kafka have."""

from typing import Any

from console.web.live import Live
from console.web.pages import operation as operation_page
from console.web.pages import overview
from console.web.pages.operation import FoundOperation
from console.web.pages.overview import LastDay, expiring_images
from console.web.pages.page import Context
from precache.config.operators import OperatorCloud, OperatorsBlock
from precache.query.records import BridgeState, StoredOperation
from tests.unit.console.web.made import NOW, bridge, operation, report

H = 3_600


def context(operators: OperatorsBlock | None = None) -> Context:
    return Context(operators or OperatorsBlock(), Live(None), NOW)


def seen(*operations: StoredOperation, bridges: list[BridgeState] | None = None, **more: Any) -> dict[str, Any]:
    newest_first = sorted(operations, key=lambda each: -each.time)
    return overview.view(LastDay(newest_first, bridges or []), {}, context(**more))


def test_without_kafka_what_runs_is_what_the_store_has() -> None:
    found = seen(operation(60, "running"), operation(90, "stalled", number=2), operation(120, number=3))
    assert [row["status"] for row in found["running"]] == ["running", "stalled"]
    assert found["totals"]["running"] == 2
    assert found["totals"]["ended"] == 1


def test_what_went_wrong_is_what_failed_was_given_up_or_has_silent_hosts() -> None:
    found = seen(
        operation(10),
        operation(20, "completed_with_errors", number=2, hosts_failed=1, errors=1),
        operation(30, "abandoned", number=3),
        operation(40, number=4, hosts_silent=1, hosts_done=3),
        operation(25 * H, "abandoned", number=5),
    )
    assert [row["operation"].rpartition("-")[2] for row in found["wrong"]] == ["2", "3", "4"]
    assert found["clouds"][0]["wrong"] == 3


def test_a_cloud_is_known_by_its_bridge_its_operations_or_the_file() -> None:
    operators = OperatorsBlock(clouds=(OperatorCloud(name="rome"),))
    found = seen(operation(10), bridges=[bridge("oslo", 60), bridge("lima", 200)], operators=operators)
    rows = {row["cloud"]: row["bridge"] for row in found["clouds"]}
    assert rows == {"lima": "quiet", "oslo": "alive", "paris": "none", "rome": "none"}
    assert found["totals"]["quiet_bridges"] == 1


def test_an_image_expires_by_the_last_operation_that_it_was_in() -> None:
    operations = [
        operation(21 * H, images=("old", "again")),
        operation(1 * H, number=2, images=("again",)),
        operation(23 * H, number=3, cloud="oslo", images=("first",)),
        operation(25 * H, number=4, cloud="lima", images=("gone",)),
    ]
    found = expiring_images(sorted(operations, key=lambda each: -each.time), OperatorsBlock(), NOW)
    assert [(row["cloud"], row["image"], row["left_s"]) for row in found] == [
        ("oslo", "first", 1 * H),
        ("paris", "old", 3 * H),
    ]


def test_purge_after_of_a_cloud_counts() -> None:
    operators = OperatorsBlock(clouds=(OperatorCloud(name="paris", purge_after=2.0 * H),))
    assert [row["left_s"] for row in expiring_images([operation(1 * H)], operators, NOW)] == [1 * H]


def test_an_operation_that_runs_has_hosts_to_come() -> None:
    running = operation(30, "running")
    reports = [report("a", 1, running), report("b", 2, running, failed=True)]
    view = operation_page.view(FoundOperation(running, reports, 0), {"operation": running.operation}, context())
    assert view["results"] == {"cached": 1, "failed": 1, "silent": 0, "waiting": 2}
    assert [(host["host"], host["result"]) for host in view["hosts"]] == [("a", "cached"), ("b", "failed")]
    assert view["images"] == [{"image": "image-1", "hosts_cached": 1, "hosts_failed": 1}]
    assert view["curve"]["points"]


def test_a_final_operation_names_silent_hosts_and_waits_for_none() -> None:
    ended = operation(30, hosts_silent=1, silent_hosts=("c",), hosts_done=3)
    view = operation_page.view(
        FoundOperation(ended, [report("a", 1, ended)], 0), {"operation": ended.operation}, context()
    )
    assert view["results"]["silent"] == 1
    assert view["results"]["waiting"] == 0
    assert view["is_final"]
