"""What docs/operations.md tells an operator to type at RabbitMQ is typed here, in its order, on a node of our own."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.services.rabbitmq import Node
from tests.support.captures import BLOG, declare_as_nova, publish, read

GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with Node(tmp_path) as started:
        # The guide's virtual host is RabbitMQ's usual one.
        started.rabbitmqctl("add_vhost", "/")
        started.rabbitmqctl("set_permissions", "-p", "/", "precache", ".*", ".*", ".*")
        yield started


def commands(heading: str) -> list[list[str]]:
    """The rabbitmqctl commands of one section's `sh` blocks."""
    section = GUIDE.read_text().split(f"\n{heading}\n")[1].split("\n#")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    found = [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("rabbitmqctl ")]
    assert found, f"{heading}: no command found"
    return found


def run(node: Node, heading: str) -> str:
    return "".join(node.rabbitmqctl(*command[1:]) for command in commands(heading))


def test_every_command_does_what_the_guide_says(node: Node) -> None:
    assert "precache-limit" in run(node, "### 1. Limit the queues, before Nova is touched")

    # 2. Nova publishes: its notifier declares the queue.
    url = node.transport_url.removesuffix("/precache") + "/"
    declare_as_nova(url, "nova", "precache")
    assert publish(url, read(BLOG), exchange="nova", routing_key="precache.info") == 97

    run(node, "### 3. A user for the bridge")
    assert_least_rights_suffice(node, messages=97)

    assert re.search(r"precache\.info\s+97\s+0", run(node, "### 5. Verify"))

    run(node, "## Roll back and decommission")
    assert "precache" not in node.rabbitmqctl("list_queues", "-p", "/", "name")
    assert "precache-bridge" not in node.rabbitmqctl("list_users")


def assert_least_rights_suffice(node: Node, messages: int) -> None:
    """Look up and read the queue as the bridge's user does, and see that the user can do no more."""
    login = pika.PlainCredentials("precache-bridge", "change-me")
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", node.port, "/", login))
    try:
        channel = connection.channel()
        channel.exchange_declare("nova", passive=True)
        assert channel.queue_declare("precache.info", passive=True).method.message_count == messages
        method, _, _ = channel.basic_get("precache.info")
        assert method is not None
        channel.basic_nack(method.delivery_tag)
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
            channel.queue_delete("precache.info")
    finally:
        connection.close()
