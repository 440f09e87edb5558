"""Places on the real servers that each test has to itself. A test that asks for one fails where the servers are not."""

import os
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import settings

from tests.services.testing import Bucket, Cloud, Servers, Topics

# `make soak` looks at many times more: --hypothesis-profile=soak.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("soak", max_examples=3_000, deadline=None)
settings.load_profile("quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a server of their own on one worker: on several, each of them would start that server."""
    for item in items:
        shared = _shared_place(item)
        if shared is not None:
            item.add_marker(pytest.mark.xdist_group(shared))


def _shared_place(item: pytest.Item) -> str | None:
    """Return the name of the module whose fixtures the test shares with others; None when it shares none."""
    known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    scoped = any(definitions[-1].scope == "module" for definitions in known.values())
    return item.nodeid.partition("::")[0] if scoped else None


@pytest.fixture(scope="session")
def servers() -> Servers:
    try:
        return Servers.from_environment(os.environ)
    except LookupError as error:
        fault = str(error)
    # Not skipped: a run that passes since nothing ran would say that all is well.
    pytest.fail(fault, pytrace=False)


@pytest.fixture
def make_cloud(servers: Servers) -> Iterator[Callable[[], Cloud]]:
    """Make as many clouds as a test needs."""
    with_vhost: list[Cloud] = []

    def make() -> Cloud:
        name = uuid.uuid4().hex[:12]
        cloud = Cloud(servers.rabbitmq_url, f"nova-{name}", f"precache-{name}", servers.rabbitmq_api)
        if servers.rabbitmq_api is not None:
            cloud = cloud.in_own_vhost(f"test-{name}")
            with_vhost.append(cloud)
        return cloud

    yield make
    for cloud in with_vhost:
        cloud.remove_vhost()


@pytest.fixture
def cloud(make_cloud: Callable[[], Cloud]) -> Cloud:
    return make_cloud()


@pytest.fixture
def topics(servers: Servers) -> Iterator[Topics]:
    names = Topics(f"test-{uuid.uuid4().hex[:12]}")
    yield names
    admin = AdminClient({"bootstrap.servers": servers.kafka})
    made = [name for name in admin.list_topics(timeout=30).topics if name.startswith(f"{names.prefix}.")]
    if made:
        for deleted in admin.delete_topics(made).values():
            deleted.result(timeout=30)


@pytest.fixture
def bucket(servers: Servers) -> Iterator[Bucket]:
    made = Bucket(servers.influx_url, servers.influx_org, servers.influx_token, f"test-{uuid.uuid4().hex[:12]}")
    made.create()
    yield made
    made.remove()
