"""RabbitMQ 4 from another Debian: it shares ports and processes with this machine, and leaves no mount behind."""

from pathlib import Path

import pytest

from tests.services import rabbitmq4
from tests.services.process import Process, wait_until

pytestmark = pytest.mark.more

MOUNTS = Path("/proc/self/mounts")


def test_a_killed_node_leaves_no_mount_and_no_process(tmp_path: Path) -> None:
    before = MOUNTS.read_text()
    with rabbitmq4.Node(tmp_path / "rabbitmq4") as node:
        server = Process.of(node.pid)
        inside = Path(f"/proc/{node.pid}/mounts").read_text()
        assert len(inside.splitlines()) == len(before.splitlines()) + 2, "its /etc and /usr"
        assert node.rabbitmqctl("version").startswith("4.")
        assert MOUNTS.read_text() == before
        node.kill()
        assert wait_until(lambda: not server.is_alive(), 10.0)
    assert MOUNTS.read_text() == before
