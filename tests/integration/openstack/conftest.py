from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.openstack.starter import Starter
from tests.services.openstack import Node
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.small_openstack import SmallOpenStack
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def openstack(servers: Servers) -> SmallOpenStack:
    """The cloud that all tests share: a test has aggregates and images of its own, and stops nothing."""
    if servers.openstack is None:
        pytest.fail('PRECACHE_TEST_OPENSTACK not set: run `eval "$(make -s services-more)"` first', pytrace=False)
    return SmallOpenStack(Node(servers.openstack, tied=False))


@pytest.fixture
def stack(
    tmp_path: Path, servers: Servers, openstack: SmallOpenStack, topics: Topics, bucket: Bucket
) -> Iterator[Stack]:
    """A site whose cloud is the small OpenStack, with the topic that Nova has for a bridge."""
    rabbitmq = openstack.node.rabbitmq
    cloud = Cloud(rabbitmq.transport_url, "nova", "precache", rabbitmq.api_url)
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.make_topics()
    yield made
    # What nobody reads any more would pile up as long as the cloud runs.
    cloud.api("DELETE", f"queues/{{vhost}}/{topics.prefix}")


@pytest.fixture
def starter(stack: Stack, openstack: SmallOpenStack, tmp_path: Path) -> Iterator[Starter]:
    """What starts `precache start` as an administrator; a test runs the services that it needs."""
    made = Starter(stack, openstack, tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(starter: Starter) -> Iterator[Starter]:
    """The same, with a bridge and a processor that run."""
    with starter.stack.bridge_in_pool(), starter.stack.processor():
        yield starter
