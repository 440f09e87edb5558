"""The keeper on a real Kafka, with a processor and its store: what it asks of Nova, and what it does not."""

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from console.cli import main
from tests.support.kafka import header, read_all
from tests.support.kept_cloud import DEBIAN, UBUNTU, KeptCloud, last_records
from tests.support.openstack import Answer, Asked, refusal
from tests.support.process import wait_until

WEB: dict[str, Any] = {"aggregate": "web", "images": ["ubuntu"]}
DB: dict[str, Any] = {"aggregate": "db", "images": [{"property": {"os_distro": "debian"}}]}


def states(cloud: KeptCloud) -> dict[tuple[str, str], dict[str, Any]]:
    return last_records(cloud.arena.kafka, cloud.arena.topics.wanted)


def ever(cloud: KeptCloud, state: str, words: str) -> bool:
    """Return whether a record has had this state, with these words in its reason: the next one may follow at once."""
    records = [json.loads(each.value() or b"{}") for each in read_all(cloud.arena.kafka, cloud.arena.topics.wanted)]
    return any(each["state"] == state and words in each["reason"] for each in records)


def is_resident(cloud: KeptCloud, *keys: tuple[str, str]) -> Callable[[], bool]:
    return lambda: all(states(cloud).get(key, {}).get("state") == "resident" for key in keys)


def test_what_is_declared_is_asked_for_once_and_then_stays(
    cloud: KeptCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    file = cloud.config([WEB, DB])

    def plans_to_ask() -> bool:
        assert main.run(["keep", "--config", str(file), "--dry-run"]) == 1
        return "  + ubuntu (c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2): on 0 of 2 hosts; " in capsys.readouterr().out

    # The first heartbeat may be on its way to the store.
    wait_until(plans_to_ask, "a plan to ask for ubuntu", 30)
    assert cloud.nova.asked == []
    assert states(cloud) == {}
    keeper = cloud.keeper(file)
    wait_until(is_resident(cloud, ("web", UBUNTU), ("db", DEBIAN)), "both to be resident", 60)
    time.sleep(3.0)
    keeper.stop()
    assert (len(cloud.asked("web")), len(cloud.asked("db", DEBIAN)), len(cloud.nova.asked)) == (1, 1, 2)
    message = read_all(cloud.arena.kafka, cloud.arena.topics.wanted)[0]
    assert header(message, "ce_type") == "io.precache.wanted.v1"
    assert header(message, "ce_source") == "/precache/keeper"
    assert main.run(["keep", "--config", str(file), "--dry-run", "-o", "json"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(each["aggregate_name"], each["asks"], each["in_place"]) for each in shown} == {
        ("web", False, True),
        ("db", False, True),
    }
    columns = ["-o", "value", "-c", "aggregate_name", "-c", "state"]
    assert main.run(["keep", "status", "--config", str(file), *columns]) == 0
    assert capsys.readouterr().out == "db\tresident\nweb\tresident\n"


@pytest.mark.more
def test_a_host_that_joins_is_asked_at_once_and_one_that_failed_again(cloud: KeptCloud) -> None:
    cloud.failing["web-2"] = 1
    keeper = cloud.keeper(cloud.config([WEB | {"retry": {"attempts": 3, "backoff": "2s"}}]))
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the host that failed to have it", 60)
    assert len(cloud.asked("web")) == 2
    cloud.join("web", "web-3")
    wait_until(lambda: len(cloud.asked("web")) == 3, "the host that joined to be asked", 30)
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the host that joined to have it", 30)
    keeper.stop()
    assert len(cloud.asked("web")) == 3
    assert states(cloud)["web", UBUNTU]["hosts_wanted"] == 3


def test_killed_between_the_request_and_its_note_it_asks_nothing_twice(cloud: KeptCloud) -> None:
    file = cloud.config([WEB])
    keepers = [cloud.keeper(file)]

    def kill(_asked: Asked) -> None:
        cloud.on_request = lambda _: None
        keepers[0].kill()

    cloud.on_request = kill
    wait_until(lambda: len(cloud.asked("web")) == 1, "the first request", 40)
    keepers[0].process.wait(10)
    successor = cloud.keeper(file)
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the successor to see it", 60)
    successor.stop()
    assert len(cloud.asked("web")) == 1


@pytest.mark.more
def test_what_nova_refuses_and_a_nova_that_is_away_are_reported_and_asked_again(cloud: KeptCloud) -> None:
    cloud.nova.script("POST /compute/v2.1/os-aggregates/1/images", refusal(403, "Policy does not allow this"))
    keeper = cloud.keeper(cloud.config([WEB | {"retry": {"attempts": 3, "backoff": "10s"}}]))
    wait_until(lambda: ever(cloud, "failing", "Policy does not allow this"), "the refusal to be shown", 40)
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the next request", 60)
    assert len(cloud.asked("web")) == 2
    away = [Answer(503, "away")] * 3
    cloud.nova.script("GET /compute/v2.1/os-aggregates", *away)
    wait_until(lambda: ever(cloud, "waiting", "cannot list aggregates"), "the outage to be shown", 40)
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the status after the outage", 40)
    keeper.stop()
    assert len(cloud.asked("web")) == 2


@pytest.mark.more
def test_of_two_keepers_one_acts_and_the_other_takes_over(cloud: KeptCloud) -> None:
    one = cloud.keeper(cloud.config([WEB], instance="one"))
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the first one to act", 60)
    two = cloud.keeper(cloud.config([WEB, DB], instance="two"))
    time.sleep(3.0)
    assert cloud.asked("db", DEBIAN) == []
    one.kill()
    wait_until(is_resident(cloud, ("db", DEBIAN)), "the other one to take over", 60)
    two.stop()
    assert (len(cloud.asked("web")), len(cloud.asked("db", DEBIAN))) == (1, 1)


@pytest.mark.more
def test_a_leader_that_was_paused_writes_nothing_over_its_successor(cloud: KeptCloud) -> None:
    one = cloud.keeper(cloud.config([WEB], instance="one"))

    def pause(_asked: Asked) -> None:
        cloud.on_request = lambda _: None
        one.process.send_signal(signal.SIGSTOP)

    cloud.on_request = pause
    wait_until(lambda: len(cloud.asked("web")) == 1, "the first request", 40)
    two = cloud.keeper(cloud.config([WEB], instance="two"))
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the other one to see what became of it", 60)
    one.process.send_signal(signal.SIGCONT)
    # It learns Nova's answer only now, and may not note it: another one writes.
    one.wait_event("keeper.starting_over")
    assert "FENCED" in one.events("keeper.starting_over")[0]["why"]
    wait_until(lambda: len(one.events("keeper.leads") + two.events("keeper.waits")) > 1, "the group to settle", 30)
    wait_until(is_resident(cloud, ("web", UBUNTU)), "whoever acts to say so", 30)
    one.stop()
    two.stop()
    assert len(cloud.asked("web")) == 1


@pytest.mark.more
def test_a_changed_file_is_read_and_a_faulty_one_is_not(cloud: KeptCloud) -> None:
    file = cloud.config([WEB])
    keeper = cloud.keeper(file)
    wait_until(is_resident(cloud, ("web", UBUNTU)), "the first declaration", 60)
    good = file.read_text()
    file.write_text(good.replace("wanted:", "wantd:"))
    keeper.wait_event("keeper.config_refused")
    cloud.config([WEB, DB])
    keeper.process.send_signal(signal.SIGHUP)
    wait_until(is_resident(cloud, ("db", DEBIAN)), "the second declaration", 60)
    keeper.stop()
    assert len(cloud.asked("web")) == 1


def test_once_carries_out_one_round(cloud: KeptCloud, capsys: pytest.CaptureFixture[str]) -> None:
    file = cloud.config([WEB])
    assert main.run(["keep", "--config", str(file), "--once"]) == 0
    assert "made; `precache keep status`" in capsys.readouterr().err
    assert len(cloud.asked("web")) <= 1
