from pathlib import Path

import pytest

from tests.integration.bridge.rig import Rig
from tests.services.testing import Cloud, Servers, Topics


@pytest.fixture
def rig(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics) -> Rig:
    """A cloud and topics of the test's own on the servers of all tests; Nova has declared its queue, durable."""
    made = Rig(tmp_path, servers.kafka, cloud, topics)
    made.make_topics()
    made.declare_as_nova()
    return made
