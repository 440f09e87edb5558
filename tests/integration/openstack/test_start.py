"""`precache start` on a real Nova. How often Nova was asked is read from Nova's own log."""

import json

import pytest

from tests.integration.openstack.starter import Starter
from tests.support.small_openstack import SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more


def test_it_asks_once_and_follows_to_the_end(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    process = site.start(aggregate, image)
    assert process.wait_end(120) == 0, process.stderr
    global_id, operation, *_ = process.stdout.splitlines()
    [logged] = openstack.requests(aggregate)
    assert (logged.global_request_id, logged.status) == (global_id, 202)
    assert operation == f"paris/{aggregate.uuid}/{logged.request_id}"
    assert all(image in openstack.node.images_on(host) for host in ("cmp1", "cmp2"))


def test_a_host_that_fails_and_one_that_is_unsupported(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2", "cmp3"]), openstack.image()
    openstack.node.script(image, {"cmp2": {"result": "error"}, "cmp3": {"result": "unsupported"}})
    process = site.start(aggregate, image, "-o", "json")
    assert process.wait_end(120) == 1, process.stderr
    assert json.loads(process.stdout.splitlines()[-1])["exit_code"] == 1
    assert len(openstack.requests(aggregate)) == 1


def test_a_queued_image_is_refused_and_with_force_fails_everywhere(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image(queued=True)
    refused = site.start(aggregate, image)
    assert refused.wait_end(120) != 0
    assert "queued" in refused.stderr
    assert openstack.requests(aggregate) == []
    forced = site.start(aggregate, image, "--force")
    assert forced.wait_end(120) == 1, forced.stderr
    assert [logged.status for logged in openstack.requests(aggregate)] == [202]


def test_a_user_whom_the_policy_refuses(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    process = site.start(aggregate, image, "--os-cloud", "member")
    assert process.wait_end(120) == 8, process.stderr + process.stdout
    assert [logged for logged in openstack.requests(aggregate) if logged.status == 202] == []


def test_killed_after_the_request_the_operation_is_taken_up_again(
    site: Starter, stack: Stack, openstack: SmallOpenStack
) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    openstack.node.script(image, {"*": {"delay_s": 8}})
    process = site.start(aggregate, image)
    process.wait_text(f"paris/{aggregate.uuid}/", timeout_s=60)
    process.kill()
    global_id = process.stdout.splitlines()[0]
    config = str(stack.processor_file(instance="watcher"))
    with stack.precache("watch", "--config", config, "--operation", global_id) as watching:
        assert watching.wait_end(90) == 0, watching.stderr
    assert [logged.global_request_id for logged in openstack.requests(aggregate)] == [global_id]
