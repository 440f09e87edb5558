"""`precache keep` on a real Nova whose images are purged after two minutes: all stay, and nothing is asked twice."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.processor.proxy import Proxy
from tests.services.testing import Servers
from tests.support.kafka import read_all
from tests.support.kept_cloud import KeeperProcess, last_records, start_keeper
from tests.support.process import wait_until
from tests.support.small_openstack import Aggregate, SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more

PURGE_S = 120


@contextmanager
def purging(openstack: SmallOpenStack, images: set[str]) -> Iterator[list[str]]:
    """Purge as Nova's cache manager does, every five seconds, these images alone; yield what was purged."""
    over, purged = threading.Event(), []

    def purge() -> None:
        while not over.wait(5.0):
            for host in openstack.node.hosts:
                for image in images & openstack.node.images_on(host):
                    file = openstack.node.image_file(host, image)
                    if time.time() - file.stat().st_mtime > PURGE_S:
                        file.unlink()
                        purged.append(f"{host} {image}")

    thread = threading.Thread(target=purge, daemon=True)
    thread.start()
    try:
        yield purged
    finally:
        over.set()
        thread.join()


class Kept:
    """A keeper's file for three aggregates, and what Nova logged of it."""

    def __init__(self, stack: Stack, servers: Servers, openstack: SmallOpenStack, folder: Path, proxy: Proxy) -> None:
        self.openstack, self.stack, self.servers = openstack, stack, servers
        clouds = json.loads(openstack.node.clouds_yaml.read_text())
        clouds["clouds"]["admin"]["compute_endpoint_override"] = f"{proxy.url}/v2.1"
        self.clouds_yaml = folder / "clouds.yaml"
        self.clouds_yaml.write_text(json.dumps(clouds))
        self.file = folder / "keep.yaml"

    def write(self, wanted: list[dict[str, Any]]) -> None:
        store = yaml.safe_load(self.stack.processor_file().read_text())["store"]
        cloud = {"name": "paris", "os_cloud": "admin", "purge_after": f"{PURGE_S}s", "requests": 2}
        retry = {"attempts": 5, "backoff": "3s"}
        defaults = {"cloud": "paris", "margin": "70s", "joined_after": "0s", "retry": retry}
        content = {
            "kafka": {"bootstrap.servers": self.servers.kafka, "group.id": f"{self.stack.topics.prefix}.keeper"},
            "topics": self.stack.topics.config(),
            "store": store,
            "operators": {"clouds": [cloud]},
            "wanted": [defaults | each for each in wanted],
            "http": {"listen": "127.0.0.1:0"},
        }
        self.file.write_text(yaml.safe_dump(content))

    def start(self) -> KeeperProcess:
        return start_keeper(self.file, self.clouds_yaml)

    def state(self, aggregate: Aggregate) -> dict[str, Any]:
        found = last_records(self.servers.kafka, self.stack.topics.wanted)
        return next((each for (name, _), each in found.items() if name == aggregate.name), {})

    def intents(self, aggregate: Aggregate) -> list[str]:
        """Return the global ids of all intents, in order."""
        records = [json.loads(each.value() or b"{}") for each in read_all(self.servers.kafka, self.stack.topics.wanted)]
        ids = (each["global_request_id"] for each in records if each["aggregate_name"] == aggregate.name)
        return [each for each in dict.fromkeys(ids) if each]


def test_all_stays_resident_through_purges_failures_outages_and_a_kill(
    stack: Stack, servers: Servers, openstack: SmallOpenStack, tmp_path: Path
) -> None:
    by_name, by_property, third = openstack.image(), openstack.image(os_distro="keptos"), openstack.image()
    name = str(openstack.ask("GET", f"/v2/images/{by_name}", service="glance").checked().body["name"])
    web, db, edge = (openstack.aggregate(hosts) for hosts in (["cmp1", "cmp2"], ["cmp3", "cmp4"], ["cmp5"]))
    openstack.node.script(by_property, {"cmp3": {"result": "error"}})
    nova_api = openstack.node.layout.url("nova-api").removesuffix("/v2.1")
    with (
        Proxy(nova_api) as proxy,
        stack.bridge_in_pool(events=["aggregate.*"]),
        stack.processor(),
        purging(openstack, {by_name, by_property, third}) as purged,
    ):
        kept = Kept(stack, servers, openstack, tmp_path, proxy)
        kept.write(
            [
                {"aggregate": web.name, "images": [name]},
                {"aggregate": db.uuid, "images": [{"property": {"os_distro": "keptos"}}]},
                {"aggregate": edge.name, "images": [third]},
            ]
        )
        with stack.precache("topics", "create", "--config", str(kept.file)) as made:
            assert made.wait_end() == 0, made.stderr
        keeper = kept.start()
        wait_until(lambda: len(openstack.requests(edge)) == 1, "the request for the third aggregate", 90)
        keeper.kill()
        keeper = kept.start()
        wait_until(lambda: len(openstack.requests(db)) >= 2, "the second request for the host that fails", 120)
        openstack.node.script(by_property, {})
        for aggregate in (web, db, edge):
            wait_until(lambda each=aggregate: kept.state(each).get("state") == "resident", "all to be resident", 120)
        openstack.add_host(edge, "cmp1")
        wait_until(lambda: third in openstack.node.images_on("cmp1"), "the host that joined", 60)
        renewed = Counter({each.name: len(openstack.requests(each)) for each in (web, db)})
        proxy.refuse()
        wait_until(lambda: kept.state(web).get("next_action") == "wait", "the outage of Nova's API to be shown", 60)
        proxy.fix()
        for aggregate in (web, db):
            wait_until(
                lambda each=aggregate: len(openstack.requests(each)) > renewed[each.name],
                "the next request, before the purge",
                PURGE_S,
            )
        wait_until(lambda: all(kept.state(each)["state"] == "resident" for each in (web, db, edge)), "the end", 90)
        keeper.stop()
        for aggregate in (web, db, edge):
            logged = [each.global_request_id for each in openstack.requests(aggregate)]
            assert len(set(logged)) == len(logged) <= 6, "asked twice, or far too often"
            assert set(logged) <= set(kept.intents(aggregate)), "a request without an intent"
    assert purged == []
    where = {host: openstack.node.images_on(host) for host in openstack.node.hosts}
    assert all(by_name in where[host] for host in ("cmp1", "cmp2"))
    assert all(by_property in where[host] for host in ("cmp3", "cmp4"))
    assert all(third in where[host] for host in ("cmp5", "cmp1"))
