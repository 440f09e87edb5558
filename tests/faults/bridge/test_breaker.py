"""A decoder that fails on every message, and garbage at the head of the queue: few dead letters, nothing lost."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.bridge.rig import QueueKind, Rig, notifications
from tests.support.kafka import header
from tests.support.process import Precache, free_port, wait_until

ROOT = Path(__file__).parents[3]
BREAKER = {"minimum": 5, "window": 10, "pause": "1s"}


@contextmanager
def errory(rig: Rig, **cloud: Any) -> Iterator[tuple[Precache, Path]]:
    """A bridge whose decoder fails while a file is there."""
    error = rig.folder / "fault"
    error.touch()
    port = free_port()
    file = rig.folder / "bridge.yaml"
    config = rig.config(rig.paris(breaker=BREAKER, **cloud), http={"listen": f"127.0.0.1:{port}"})
    file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "tests.support.faulty_bridge", str(error)]
    args = ["bridge", "--config", str(file)]
    env = {"PYTHONPATH": str(ROOT)}
    with Precache(args, rig.folder, name="faulty", http=port, env=env, command=command) as bridge:
        yield bridge, error


# A queue that drops what was returned more than twice.
QUORUM_2 = QueueKind({"rabbit_quorum_queue": True, "rabbit_quorum_delivery_limit": 2})


@pytest.mark.parametrize("kind", [QUORUM_2], ids=["quorum"])
def test_an_error_in_the_decoder_stops_the_cloud_and_loses_nothing(rig: Rig) -> None:
    sent = notifications(200)
    rig.publish([body for _, body in sent])
    with errory(rig, prefetch=100) as (bridge, error):
        wait_until(lambda: "stopped: 5 of the last 5 messages" in bridge.ready()[1], "the breaker to open")
        assert "internal-error 5" in bridge.ready()[1]
        # Four dead letters at once, then one a probe: each of more than two probes would cost the limit if it requeued.
        dead = rig.wait_dead(4 + 4)
        assert {header(record, "precache_reason") for record in dead} == {"internal-error"}
        assert len(dead) <= 4 + 10
        assert rig.records() == []
        assert not bridge.ready()[0]
        assert bridge.metrics()['precache_bridge_breaker_open{cloud="paris"}'] == 1
        (failed,) = bridge.events("bridge.decode_failed")
        assert "faulty_bridge.py" in failed["exception"]
        assert failed["exception"].endswith("ZeroDivisionError")
        error.unlink()
        wait_until(lambda: len(rig.records()) + len(rig.dead()) >= len(sent), "every message in Kafka", 60)
        rig.wait_empty()
        bridge.wait_ready()
        assert len(bridge.events("bridge.breaker_open")) == len(bridge.events("bridge.breaker_closed")) == 1
        assert bridge.stop() == 0
    assert len(rig.records()) + len(rig.dead()) == len(sent)
    replay = ["deadletters", "replay", "--reason", "internal-error", "--config", str(rig.folder / "bridge.yaml")]
    with Precache(replay, rig.folder, name="replay") as process:
        assert process.wait_end() == 0, process.stderr
    assert rig.message_ids() == {message_id: 1 for message_id, _ in sent}


def test_garbage_at_the_head_of_the_queue_passes_in_the_end(rig: Rig) -> None:
    good = notifications(20)
    rig.publish([b"garbage"] * 8 + [body for _, body in good])
    with rig.start(rig.config(rig.paris(breaker=BREAKER))) as bridge:
        wait_until(lambda: "stopped: 5 of the last 5 messages" in bridge.ready()[1], "the breaker to open")
        rig.wait_forwarded([message_id for message_id, _ in good])
        bridge.wait_ready()
        rig.wait_empty()
    assert len(rig.dead()) == 8


def test_a_share_of_one_never_stops(rig: Rig) -> None:
    good = notifications(5)
    rig.publish([b"garbage"] * 60 + [body for _, body in good])
    with rig.bridge(breaker=BREAKER | {"share": 1}) as bridge:
        rig.wait_forwarded([message_id for message_id, _ in good])
        assert len(rig.wait_dead(60)) == 60
        assert bridge.events("bridge.breaker_open") == []
