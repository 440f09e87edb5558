"""`precache start` on a real Nova. How often Nova was asked is read from Nova's own log."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.services.testing import Servers
from tests.support.process import Precache
from tests.support.small_openstack import Aggregate, SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more

Start = Callable[..., Precache]


@pytest.fixture
def start(
    stack: Stack, servers: Servers, openstack: SmallOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Run bridge and processor, and return what starts `precache start` as an administrator."""
    config = {
        "kafka": {"bootstrap.servers": servers.kafka},
        "topics": stack.topics.config(),
        "operators": {"clouds": [{"name": "paris", "os_cloud": "admin"}]},
    }
    (tmp_path / "precache.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(openstack.node.clouds_yaml))
    begun: list[Precache] = []

    def run(aggregate: Aggregate, image: str, *args: str) -> Precache:
        words = ["start", aggregate.name, image, "--cloud", "paris", "--config", str(tmp_path / "precache.yaml"), *args]
        begun.append(stack.precache(*words, name=f"start-{len(begun)}"))
        return begun[-1]

    with stack.bridge_in_pool(), stack.processor():
        yield run
    for process in begun:
        process.__exit__(None, None, None)


def test_it_asks_once_and_follows_to_the_end(start: Start, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    process = start(aggregate, image)
    assert process.wait_end(120) == 0, process.stderr
    global_id, operation, *_ = process.stdout.splitlines()
    [logged] = openstack.requests(aggregate)
    assert (logged.global_request_id, logged.status) == (global_id, 202)
    assert operation == f"paris/{aggregate.uuid}/{logged.request_id}"
    assert all(image in openstack.node.images_on(host) for host in ("cmp1", "cmp2"))


def test_a_host_that_fails_and_one_that_is_unsupported(start: Start, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2", "cmp3"]), openstack.image()
    openstack.node.script(image, {"cmp2": {"result": "error"}, "cmp3": {"result": "unsupported"}})
    process = start(aggregate, image, "-o", "json")
    assert process.wait_end(120) == 1, process.stderr
    assert json.loads(process.stdout.splitlines()[-1])["exit_code"] == 1
    assert len(openstack.requests(aggregate)) == 1


def test_a_queued_image_is_refused_and_with_force_fails_everywhere(start: Start, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image(queued=True)
    refused = start(aggregate, image)
    assert refused.wait_end(120) != 0
    assert "queued" in refused.stderr
    assert openstack.requests(aggregate) == []
    forced = start(aggregate, image, "--force")
    assert forced.wait_end(120) == 1, forced.stderr
    assert [logged.status for logged in openstack.requests(aggregate)] == [202]


def test_a_user_whom_the_policy_refuses(start: Start, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    process = start(aggregate, image, "--os-cloud", "member")
    assert process.wait_end(120) == 8, process.stderr + process.stdout
    assert [logged for logged in openstack.requests(aggregate) if logged.status == 202] == []


def test_killed_after_the_request_the_operation_is_taken_up_again(
    start: Start, stack: Stack, openstack: SmallOpenStack
) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    openstack.node.script(image, {"*": {"delay_s": 8}})
    process = start(aggregate, image)
    process.wait_text(f"paris/{aggregate.uuid}/", timeout_s=60)
    process.kill()
    global_id = process.stdout.splitlines()[0]
    config = str(stack.processor_file(instance="watcher"))
    with stack.precache("watch", "--config", config, "--operation", global_id) as watching:
        assert watching.wait_end(90) == 0, watching.stderr
    assert [logged.global_request_id for logged in openstack.requests(aggregate)] == [global_id]
