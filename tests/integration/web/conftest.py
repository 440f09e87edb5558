"""A bridge and a processor on the real servers, with what Nova sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support import captures
from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Iterator[Stack]:
    """The whole path, up and with nothing sent yet."""
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.declare()
    with made.bridge(), made.processor():
        yield made


@pytest.fixture
def ended(stack: Stack) -> Stack:
    """The whole path, when all captured operations are over."""
    for name in captures.ALL:
        stack.publish(captures.read_as_of_now(name))
    stack.wait_processed(sum(len(captures.read(name)) for name in captures.ALL))
    return stack
