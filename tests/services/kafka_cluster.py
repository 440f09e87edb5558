"""A Kafka cluster of several nodes, each of them broker and controller, of which a test stops, kills or pauses any."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from . import kafka
from .network import HOST, exchange, free_ports
from .node import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What is written counts as written when a majority has it, so that one node may be away.
_COPIES: Final = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}


class Member(kafka.Node):
    """One node of a cluster. It keeps its ports for life, since the others know them.

    Args:
        base: its folder.
        number: its id as a broker and as a controller, from 1.
        ports: its port for clients and that for controllers.
        voters: the cluster's controllers, as Kafka's property takes them.
        properties: added to server.properties; wins over what stands there.
    """

    def __init__(
        self, base: Path, number: int, ports: tuple[int, int], voters: str, properties: Mapping[str, str]
    ) -> None:
        super().__init__(base, properties=properties)
        self.number: Final = number
        self._voters = voters
        base.mkdir(parents=True, exist_ok=True)
        self._settings = {"port": str(ports[0]), "controller_port": str(ports[1])}

    def answers(self) -> bool:
        """Whether it answers and knows itself to be admitted to the cluster."""
        answer = exchange(int(self._settings["port"]), kafka.METADATA_REQUEST)
        return self.number in _broker_ids(answer)

    def _choose_settings(self) -> dict[str, str]:
        msg = f"a port of node {self.number} was taken by another program: {self._settings}"
        raise StartError(msg)

    def _server_properties(self) -> dict[str, str]:
        own = {"node.id": str(self.number), "controller.quorum.voters": self._voters}
        return super()._server_properties() | _COPIES | own

    def _lay_out(self) -> None:
        super()._lay_out()
        # Formatted as node 1's. The id of the folder is left out: two nodes may not share one, and Kafka makes its own.
        file = self.data / "meta.properties"
        kept = [line for line in file.read_text().splitlines() if not line.startswith(("node.id", "directory.id"))]
        file.write_text("\n".join([*kept, f"node.id={self.number}", ""]))


class Cluster:
    """Several nodes that are one Kafka. As a context manager it starts on entry and stops on exit.

    Any node may be stopped, killed, paused and started again; with three nodes the cluster works while two of them do.
    """

    def __init__(self, base: Path, *, size: int = 3, properties: Mapping[str, str] | None = None) -> None:
        ports = free_ports(2 * size)
        pairs = list(zip(ports[:size], ports[size:], strict=True))
        voters = ",".join(f"{number}@{HOST}:{pair[1]}" for number, pair in enumerate(pairs, 1))
        self.members: Final = [
            Member(base / f"kafka-{number}", number, pair, voters, properties or {})
            for number, pair in enumerate(pairs, 1)
        ]

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes as Kafka's clients take them."""
        return ",".join(member.bootstrap_servers for member in self.members)

    def member(self, number: int) -> Member:
        """Return the node with a broker's id, such as the leader of a partition."""
        return self.members[number - 1]

    def start(self) -> None:
        """Start the nodes that do not run, and wait until each is admitted."""
        absent = [member for member in self.members if not member.is_alive()]
        for member in absent:
            member.begin()
        for member in absent:
            try:
                member.await_answer()
            except StartError:
                # Kafka 4.1.0 may end with a NullPointerException (RecordsIterator) while it catches up with a quorum
                # that has gone on without it; the next start gets through.
                member.start()

    def stop(self) -> None:
        """End all nodes. They are killed: each would else wait for others to take over, which are going too."""
        for member in self.members:
            member.kill()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.stop)
            self.start()
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _broker_ids(answer: bytes) -> set[int]:
    """Return the ids in a metadata response of version 0: length, correlation id, count; id, host, port of each."""
    if len(answer) < 12:
        return set()
    ids = set()
    position = 12
    for _ in range(struct.unpack_from(">i", answer, 8)[0]):
        number, length = struct.unpack_from(">ih", answer, position)
        ids.add(number)
        position += 6 + length + 4
    return ids
