"""Where the bridge's tests run: every RabbitMQ, and every kind of queue that Nova declares.

`make test` has RabbitMQ 3 with durable queues, `make test-more` all others.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.integration.bridge.rig import DURABLE, QUORUM, TRANSIENT, QueueKind, Rig
from tests.services import rabbitmq, rabbitmq4
from tests.services.testing import Broker, Cloud, Servers, Topics

BROKERS = ("rabbitmq", pytest.param("rabbitmq4", marks=pytest.mark.more))
KINDS = (
    pytest.param(DURABLE, id="durable"),
    pytest.param(TRANSIENT, id="transient", marks=pytest.mark.more),
    pytest.param(QUORUM, id="quorum", marks=pytest.mark.more),
)
# What outlasts a restart of RabbitMQ.
LASTING = (pytest.param(DURABLE, id="durable"), pytest.param(QUORUM, id="quorum", marks=pytest.mark.more))

# A RabbitMQ that a test stops and starts as it likes.
NODES: Final[Mapping[str, type[rabbitmq.Node]]] = {"rabbitmq": rabbitmq.Node, "rabbitmq4": rabbitmq4.Node}


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, servers: Servers) -> Broker:
    return servers.broker(str(request.param))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> QueueKind:
    found: QueueKind = request.param
    return found


@pytest.fixture
def undeclared(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, kind: QueueKind) -> Rig:
    """A cloud and topics of the test's own on the servers of all tests; Nova has declared nothing yet."""
    made = Rig(tmp_path, servers.kafka, cloud, topics, kind)
    made.make_topics()
    return made


@pytest.fixture
def rig(undeclared: Rig) -> Rig:
    """The same, and Nova has declared its queue."""
    undeclared.declare_as_nova()
    return undeclared
