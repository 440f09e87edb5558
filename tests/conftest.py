"""Places on the real servers that each test has to itself. A test that asks for one fails where the servers are not."""

import logging
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from confluent_kafka.admin import AdminClient
from hypothesis import settings

from tests.services.testing import Broker, Bucket, Cloud, Servers, Topics

# A shell that runs the tests in the background has them ignore SIGINT, and so would every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make soak` looks at many times more: --hypothesis-profile=soak.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("soak", max_examples=3_000, deadline=None)
settings.load_profile("quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests that share a server of their module's own on one worker: on several, each would start that server.

    Marks and `--dist loadgroup` would say the same, but pytest-xdist 3.8 loses the marks with pytest 9.2, silently.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: PLC0415

    class OneWorkerForAModulesServers(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if _shares(config.rootpath / module) else nodeid

    return OneWorkerForAModulesServers(config, log) if config.getoption("dist") == "loadscope" else None


@cache
def _shares(module: Path) -> bool:
    return 'scope="module"' in module.read_text()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that runs the command sets up logs for the whole process: the next test must not find them so."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # Every event can be captured, whatever a process of its own would show.
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def servers() -> Servers:
    try:
        return Servers.from_environment(os.environ)
    except LookupError as error:
        problem = str(error)
    # Not skipped: a run that passes since nothing ran would say that all is well.
    pytest.fail(problem, pytrace=False)


@pytest.fixture
def broker(servers: Servers) -> Broker:
    """The RabbitMQ that a test's clouds are on; some folders run their tests on more than one."""
    return servers.rabbitmq


@pytest.fixture
def make_cloud(broker: Broker) -> Iterator[Callable[[], Cloud]]:
    """Make as many clouds as a test needs."""
    with_vhost: list[Cloud] = []

    def make() -> Cloud:
        name = uuid.uuid4().hex[:12]
        cloud = Cloud(broker.transport_url, f"nova-{name}", f"precache-{name}", broker.api_url)
        if broker.api_url is not None:
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
