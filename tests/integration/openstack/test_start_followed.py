"""`precache start` follows its own operation on a real Nova: beside another, through outages, taken up again."""

import dataclasses
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processor.proxy import Proxy
from tests.integration.openstack.starter import POST, Starter
from tests.services.kafka import Node as KafkaNode
from tests.services.testing import Servers
from tests.support.process import wait_until
from tests.support.small_openstack import SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more


def test_its_own_operation_beside_another_one_on_the_aggregate(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image, other = openstack.aggregate(["cmp1", "cmp2"]), openstack.image(), openstack.image()
    openstack.node.script(other, {"*": {"delay_s": 20}})
    openstack.node.script(image, {"cmp2": {"result": "error"}})
    first = site.start(aggregate, other)
    first.wait_text(f"paris/{aggregate.uuid}/", timeout_s=60)
    refused = site.start(aggregate, image)
    assert refused.wait_end(60) == 8, refused.stderr
    assert "it may be for the same ones" in refused.stderr
    second = site.start(aggregate, image, "--force")
    assert second.wait_end(120) == 1, second.stderr
    assert first.wait_end(120) == 0, first.stderr
    mine = openstack.requests(aggregate)[1]
    assert second.stdout.splitlines()[:2] == [mine.global_request_id, f"paris/{aggregate.uuid}/{mine.request_id}"]
    assert "Completed 2 hosts, 1 errors" in second.stdout
    assert len(openstack.requests(aggregate)) == 2


def test_a_response_that_is_lost(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    asked = []

    def requests(data: bytes) -> bytes:
        asked.extend(POST.findall(data))
        return data

    with Proxy(site.nova_api()) as proxy:
        proxy.requests = requests
        proxy.answers = lambda data: None if asked else data
        site.through(proxy)
        process = site.start(aggregate, image)
        assert process.wait_end(120) == 0, process.stderr
    assert len(asked) == 1
    assert "cannot tell whether Nova took the request" in process.stderr
    [logged] = openstack.requests(aggregate)
    assert process.stdout.splitlines()[:2] == [
        logged.global_request_id,
        f"paris/{aggregate.uuid}/{logged.request_id}",
    ]


def test_a_host_that_is_down(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp6"]), openstack.image()
    openstack.force_down("cmp6", down=True)
    try:
        process = site.start(aggregate, image)
        assert process.wait_end(120) == 1, process.stderr
    finally:
        openstack.force_down("cmp6", down=False)
    assert re.search(r"warning: .*down.*cmp6", process.stderr), process.stderr
    assert process.stdout.splitlines()[-3:] == ["Errors from hosts:", "cmp6", f"Image {image} failed 1 times"]


def test_a_host_that_hangs(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp3"]), openstack.image()
    openstack.node.script(image, {"cmp3": {"delay_s": 40}})
    process = site.start(aggregate, image)
    assert process.wait_end(120) == 3, process.stderr
    assert process.stdout.splitlines()[-2:] == ["No answer from hosts:", "cmp3"]


def test_still_running_at_the_timeout_then_ctrl_c_then_to_the_end(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    openstack.node.script(image, {"*": {"delay_s": 9}})
    process = site.start(aggregate, image, "--timeout", "3s")
    assert process.wait_end(60) == 7, process.stderr
    watching = site.resume(process)
    watching.wait_text("Image cache started", timeout_s=60)
    watching.process.send_signal(signal.SIGINT)
    assert watching.wait_end(60) == 130, watching.stderr
    again = site.resume(watching)
    assert again.wait_end(60) == 0, again.stderr
    assert again.stdout.splitlines()[-1].startswith("Completed 1 hosts, 0 errors")
    assert len(openstack.requests(aggregate)) == 1


def test_straight_from_rabbitmq(starter: Starter, openstack: SmallOpenStack) -> None:
    """Without a server of the project, and with a host that fails."""
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    openstack.node.script(image, {"cmp2": {"result": "error"}})
    url_file = starter.clouds_yaml.with_name("url")
    url_file.write_text(openstack.node.rabbitmq.transport_url)
    process = starter.run(
        *("start", aggregate.name, image, "--os-cloud", "admin", "--transport-url-file", str(url_file))
    )
    assert process.wait_end(120) == 1, process.stderr
    assert process.stdout.splitlines()[-3:] == ["Errors from hosts:", "cmp2", f"Image {image} failed 1 times"]
    assert len(openstack.requests(aggregate)) == 1


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaNode]:
    """A broker of the test's own, to be killed."""
    with KafkaNode(tmp_path / "kafka") as node:
        yield node


def test_kafka_away_while_it_follows(
    stack: Stack, servers: Servers, kafka: KafkaNode, openstack: SmallOpenStack, tmp_path: Path
) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    openstack.node.script(image, {"cmp1": {"delay_s": 6}, "cmp2": {"delay_s": 9}})
    stack = dataclasses.replace(stack, servers=dataclasses.replace(servers, kafka=kafka.bootstrap_servers))
    stack.make_topics()
    starter = Starter(stack, openstack, tmp_path)
    with stack.bridge_in_pool(), stack.processor():
        process = starter.start(aggregate, image)
        process.wait_text(f"paris/{aggregate.uuid}/", timeout_s=60)
        kafka.kill()
        wait_until(lambda: "cannot be reached" in process.stderr, "the outage to be reported", 60)
        wait_until(lambda: image in openstack.node.images_on("cmp2"), "both hosts to be done", 60)
        kafka.start()
        assert process.wait_end(180) == 0, process.stderr
    starter.close()
    assert process.stdout.splitlines()[-1].startswith("Completed 2 hosts, 0 errors")
    assert len(openstack.requests(aggregate)) == 1
