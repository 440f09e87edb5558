"""What `precache start` does when a real OpenStack, or the way to it, does not do what was asked."""

import re
import time

import pytest

from tests.faults.processor.proxy import Proxy
from tests.integration.openstack.starter import Starter
from tests.services.openstack import client
from tests.support.small_openstack import SmallOpenStack

pytestmark = pytest.mark.more

# Every image of these tests has an id; this one nobody has.
NO_IMAGE = b"00000000-0000-4000-8000-000000000000"


def other_image(data: bytes) -> bytes:
    """Ask for an image that nobody has, as if it had been deleted a moment before."""
    return re.sub(rb'(\{"cache": ?\[\{"id": ?")[0-9a-f-]{36}', rb"\g<1>" + NO_IMAGE, data)


def microversion(wanted: bytes) -> object:
    """Ask Nova in another microversion: what it answers is what an older one answers."""
    return lambda data: data.replace(b"compute 2.81", b"compute " + wanted)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (other_image, 400, "openstack image show"),
        (microversion(b"2.80"), 404, "openstack aggregate list"),
        (microversion(b"2.999"), 406, "Ussuri"),
    ],
    ids=["an image that is gone", "below 2.81", "a Nova without that microversion"],
)
def test_nova_refuses(site: Starter, openstack: SmallOpenStack, change: object, status: int, words: str) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    with Proxy(site.nova_api()) as proxy:
        proxy.requests = change  # type: ignore[assignment]  # one of the two above
        site.through(proxy)
        process = site.start(aggregate, image)
        assert process.wait_end(60) == 8, process.stderr
    assert words in process.stderr
    assert f"HTTP {status}" in process.stderr
    assert [logged.status for logged in openstack.requests(aggregate)] in ([status], [])


def test_a_token_that_expired(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    keystone = openstack.node.layout.url("keystone")
    token = client.token(keystone, "admin", "admin")
    revoked = client.request(
        "DELETE", f"{keystone}/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}
    )
    assert revoked.status == 204
    domain = {"project_name": "admin", "project_domain_name": "Default"}
    site.entry("admin", auth_type="v3token", auth={"auth_url": keystone, "token": token} | domain)
    process = site.start(aggregate, image)
    assert process.wait_end(60) == 6, process.stderr
    assert "credentials" in process.stderr
    assert token not in process.stderr + process.stdout
    assert openstack.requests(aggregate) == []


def test_no_network(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    with Proxy(site.nova_api()) as proxy:
        site.through(proxy)
        proxy.refuse()
        process = site.start(aggregate, image)
        assert process.wait_end(90) == 6, process.stderr
    assert "Check the network" in process.stderr
    assert openstack.requests(aggregate) == []


def test_an_aggregate_without_hosts(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate([]), openstack.image()
    refused = site.start(aggregate, image)
    assert refused.wait_end(60) == 8, refused.stderr
    assert "has no hosts" in refused.stderr
    assert openstack.requests(aggregate) == []
    forced = site.start(aggregate, image, "--force")
    assert forced.wait_end(60) == 0, forced.stderr
    assert forced.stdout.splitlines()[-1].startswith("Completed 0 hosts, 0 errors")


def test_a_name_that_nothing_has(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate = openstack.aggregate(["cmp1"])
    process = site.start(aggregate, "no-such-image")
    assert process.wait_end(60) == 8, process.stderr
    assert "no-such-image" in process.stderr
    assert openstack.requests(aggregate) == []


def test_two_clouds_of_which_one_refuses(site: Starter, openstack: SmallOpenStack) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    site.operate(paris="admin", rome="member")
    process = site.start(aggregate, image, "--cloud", "paris", "--cloud", "rome")
    assert process.wait_end(120) == 8, process.stderr
    assert re.search(r"rome.* 403", process.stderr), process.stderr
    assert re.search(r"^paris\b.*Completed 2 hosts, 0 errors", process.stdout, re.MULTILINE), process.stdout
    assert [logged.status for logged in openstack.requests(aggregate)].count(202) == 1


def test_killed_before_the_request_has_left(site: Starter, openstack: SmallOpenStack) -> None:
    """The id was printed, and Nova never had it: the command that follows it says so, and a second start asks."""
    aggregate, image = openstack.aggregate(["cmp1"]), openstack.image()
    with Proxy(site.nova_api()) as proxy:
        proxy.requests = lambda data: time.sleep(60) if b"/images HTTP" in data and data[:4] == b"POST" else data
        site.through(proxy)
        process = site.start(aggregate, image)
        process.wait_text("req-", timeout_s=60)
        process.kill()
    [global_id] = process.stdout.splitlines()
    watching = site.run("watch", "--config", str(site.config), "--operation", global_id, "--timeout", "5s")
    assert watching.wait_end(60) == 5, watching.stderr
    site.entry("admin")
    again = site.start(aggregate, image)
    assert again.wait_end(60) == 0, again.stderr
    assert [logged.status for logged in openstack.requests(aggregate)] == [202]
