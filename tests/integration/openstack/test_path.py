"""A real Nova's notifications through bridge, Kafka and processor: what it did is what the operator reads."""

import re

import pytest

from tests.support.process import Precache
from tests.support.small_openstack import Aggregate, SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more

# All but the one that other tests take down.
HOSTS = ["cmp1", "cmp2", "cmp3", "cmp4", "cmp5"]


def watch(stack: Stack, aggregate: Aggregate) -> Precache:
    config = str(stack.processor_file(instance="watcher"))
    process = stack.precache("watch", "--config", config, "--cloud", "paris", "--aggregate", aggregate.name)
    process.wait_text("atching", timeout_s=60)
    return process


def ending(process: Precache) -> list[str]:
    """Return what stands below the lines of progress, which come in any order."""
    lines = re.sub(r" in (\d+s|\d+m\d\ds)$", " in DURATION", process.stdout, flags=re.MULTILINE).splitlines()
    return [line for line in lines if not line.startswith("Aggregate ")]


def test_an_operation_is_seen_complete(stack: Stack, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(HOSTS), openstack.image()
    openstack.node.script(image, {"cmp2": {"result": "error"}})
    with stack.bridge(), stack.processor(), watch(stack, aggregate) as watching:
        answer = openstack.cache_images(aggregate, image)
        assert answer.status == 202, answer
        assert watching.wait_end(90) == 1, watching.stderr
    assert ending(watching) == [
        "Image cache started on 5 hosts",
        "Completed 5 hosts, 1 errors in DURATION",
        "Errors from hosts:",
        "cmp2",
        f"Image {image} failed 1 times",
    ]
    [operation] = [row for row in stack.points("precache_operation") if row["aggregate_uuid"] == aggregate.uuid]
    assert operation["operation"] == f"paris/{aggregate.uuid}/{answer.headers['x-openstack-request-id']}"
    assert operation["status"] == "completed_with_errors"
    holders = {host for host in HOSTS if image in openstack.node.images_on(host)}
    assert holders == set(HOSTS) - {"cmp2"}
    assert [logged.status for logged in openstack.requests(aggregate)] == [202]


def test_a_host_that_answers_too_late_is_silent(stack: Stack, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp3"]), openstack.image()
    openstack.node.script(image, {"cmp3": {"delay_s": 40}})
    with stack.bridge_in_pool(), stack.processor(), watch(stack, aggregate) as watching:
        assert openstack.cache_images(aggregate, image).status == 202
        assert watching.wait_end(120) == 3, watching.stderr
    assert ending(watching)[-2:] == ["No answer from hosts:", "cmp3"]
