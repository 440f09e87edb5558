"""A group client that does not come back is replaced, and the processor goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer

from precache.kafka import clients
from tests.faults.processor.arena import Arena
from tests.integration.processor.running import named, now_ms, running
from tests.services.network import HOST, free_ports
from tests.support.events import Source

NOVA = Source()


def test_a_client_that_never_joins_is_replaced(
    make_arena: Callable[..., Arena], logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = make_arena(partitions=1)
    arena.send([(now_ms(), 0, NOVA.end([]))])
    made: list[str] = []
    make = clients.consumer

    def lost_at_first(block: Any, client_id: str, **ours: Any) -> Consumer:
        """The first client of the group knows no broker, as one that has dropped them all."""
        if "group.instance.id" in ours:
            made.append(client_id)
            if len(made) == 1:
                (port,) = free_ports(1)
                ours["bootstrap.servers"] = f"{HOST}:{port}"
        return make(block, client_id, **ours)

    monkeypatch.setattr(clients, "consumer", lost_at_first)
    with running(arena):
        arena.wait_next_offset([1], 40)
    assert len(made) == 2
    assert len(named(logged, "processor.group_client_replaced")) == 1
