from pathlib import Path

import pytest

from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Stack:
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.declare()
    return made
