"""`precache start` where no notification comes: each waits the minute that the contract gives Nova."""

import pytest

from tests.faults.processor.proxy import Proxy
from tests.integration.openstack.starter import POST, Starter
from tests.support.small_openstack import SmallOpenStack

pytestmark = pytest.mark.more


def test_a_request_that_never_arrived(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    with Proxy(site.nova_api()) as proxy:
        proxy.requests = lambda data: None if POST.match(data) else data
        site.through(proxy)
        process = site.start(aggregate, image)
        assert process.wait_end(150) == 9, process.stderr
    [global_id] = process.stdout.splitlines()
    assert "Look for the id in the log of nova-api" in process.stderr
    assert process.stderr.rstrip().endswith(f"--operation {global_id}")
    assert openstack.requests(aggregate) == []


def test_a_nova_that_sends_elsewhere(starter: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    stack = starter.stack
    # A topic of a bridge is looked up, and never declared: a pool binds a queue of its own.
    elsewhere = {"name": "paris", "pool": stack.topics.prefix, "exchange": "elsewhere"}
    stack.cloud.api("PUT", "exchanges/{vhost}/elsewhere", {"type": "topic", "durable": False})
    with stack.bridge_of([elsewhere]), stack.processor():
        process = starter.start(aggregate, image)
        assert process.wait_end(150) == 5, process.stderr
    assert "Nova is mute, or sends elsewhere" in process.stderr
    assert [logged.status for logged in openstack.requests(aggregate)] == [202]


def test_no_bridge(starter: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    with starter.stack.processor():
        process = starter.start(aggregate, image)
        assert process.wait_end(150) == 5, process.stderr
    assert "no heartbeat of a bridge for cloud paris" in process.stderr
    assert [logged.status for logged in openstack.requests(aggregate)] == [202]


def test_no_processor(starter: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    with starter.stack.bridge_in_pool():
        process = starter.start(aggregate, image)
        assert process.wait_end(150) == 5, process.stderr
    assert "the processor is behind, or does not run" in process.stderr
