"""A Kafka that gives up on members and transactions soon, and one of them for all workers of a run."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.kafka import Node
from tests.services.state import locked

# Six seconds, ten seconds: what a test would else wait for at each kill.
IMPATIENT = {
    "group.min.session.timeout.ms": "500",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


@contextmanager
def one_for_all(folder: Path) -> Iterator[Node]:
    """Start a node in a folder unless another process has done so; who started it stops it after its last user."""
    folder.mkdir(exist_ok=True)
    with (folder / "users").open("a") as users:
        with locked(folder / "lock", waiting="another worker is starting it"):
            fcntl.flock(users, fcntl.LOCK_SH)
            node = Node(folder / "node", properties=IMPATIENT)
            if is_ours := not node.is_alive():
                node.start()
        try:
            yield node
        finally:
            if is_ours:
                fcntl.flock(users, fcntl.LOCK_EX)
                node.stop()
