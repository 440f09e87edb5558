"""Many clouds in one process: what is wrong with one stays with it, and says its name."""

import json
import os
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.bridge.rig import Rig, notifications
from tests.support.process import Precache, free_port, wait_until

# Of each kind: the medians are compared.
RUNS: Final = 5
COUNT: Final = 80_000


@pytest.fixture
def hanging() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_one_clouds_error_stays_its_own(rig: Rig, hanging: int) -> None:
    url = rig.cloud.transport_url
    sick = {
        "dead": {"transport_url": f"rabbit://u:p@127.0.0.1:{free_port()}/"},
        "hanging": {"transport_url": f"rabbit://u:p@127.0.0.1:{hanging}/"},
        "stranger": {"transport_url": url.replace("rabbit://precache:", "rabbit://precache:wrong")},
        "elsewhere": {"transport_url": url.rpartition("/")[0] + "/no-such-vhost"},
        "unborn": {"transport_url": url, "topic": "nova-has-not-declared-it"},
    }
    clouds = [rig.paris(), *(rig.paris(topic="x") | {"name": name} | how for name, how in sick.items())]
    sent = notifications(1000)
    with rig.start(rig.config(*clouds)) as bridge:
        rig.publish([body for _, body in sent])
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        wait_until(
            lambda: sick.keys() <= {event["cloud"] for event in bridge.events("bridge.source_lost")}, "all faults"
        )
        ready, text = bridge.ready()
        assert not ready
        parts = json.loads(text)["parts"]
        assert parts["cloud:paris"]["ready"]
        assert [name for name in sick if parts[f"cloud:{name}"]["ready"]] == []
        assert "refused" in parts["cloud:dead"]["why"]
        assert "does not answer" in parts["cloud:hanging"]["why"]
        assert "credentials of user 'precache'" in parts["cloud:stranger"]["why"]
        assert "no virtual host 'no-such-vhost'" in parts["cloud:elsewhere"]["why"]
        assert "queue 'nova-has-not-declared-it.info' does not exist" in parts["cloud:unborn"]["why"]
        assert bridge.stop() == 0


@pytest.mark.parametrize("away", ["rabbitmq", "kafka", "both"])
def test_what_refuses_connections_from_the_start_is_named_at_once(rig: Rig, away: str) -> None:
    dead = f"127.0.0.1:{free_port()}"
    cloud = rig.paris(**({} if away == "kafka" else {"transport_url": f"rabbit://u:p@{dead}/"}))
    kafka = rig.kafka if away == "rabbitmq" else dead
    with rig.start(rig.config(cloud, kafka={"bootstrap.servers": kafka})) as bridge:
        event = "bridge.source_lost" if away == "rabbitmq" else "kafka.disconnected"
        wait_until(lambda: bridge.events(event), "the log to know", 30)
        # Sooner than the 10 s after which a Kafka that says nothing is reported.
        wait_until(lambda: "Connection refused" in bridge.ready()[1], "readiness to know what the log knows", 5)
        assert dead in bridge.ready()[1]


def test_a_queue_declared_otherwise_is_reported_with_the_remedy(rig: Rig) -> None:
    with rig.channel() as channel:
        channel.queue_declare("mine", durable=False)
    with rig.start(rig.config(rig.paris(pool="mine"))) as bridge:
        wait_until(lambda: bridge.events("bridge.source_lost"), "the mismatch")
        (event, *_) = bridge.events("bridge.source_lost")
    assert event["level"] == "error"
    for words in ("'mine'", "durable", "we ask for 'true'", "made with 'false'", "delete_queue mine"):
        assert words in event["why"], event["why"]


def test_it_waits_for_nova_and_declares_nothing(rig: Rig) -> None:
    with rig.start(rig.config(rig.paris(topic="later"))) as bridge:
        wait_until(lambda: bridge.events("bridge.source_lost"), "the bridge to look")
        assert rig.cloud.queue("later.info") == {}
        with rig.channel() as channel:
            channel.queue_declare("later.info", durable=True)
            channel.queue_bind("later.info", rig.cloud.exchange, "later.info")
        bridge.wait_ready()
        sent = notifications(5)
        rig.publish([body for _, body in sent], routing_key="later.info")
        rig.wait_forwarded([message_id for message_id, _ in sent])


def test_hosts_are_tried_in_turn(rig: Rig) -> None:
    user, _, place = rig.cloud.transport_url.removeprefix("rabbit://").partition("@")
    url = f"rabbit://{user}@127.0.0.1:{free_port()},{user}@{place}"
    sent = notifications(5)
    with rig.bridge(transport_url=url):
        rig.publish([body for _, body in sent])
        rig.wait_forwarded([message_id for message_id, _ in sent])


def forwarded(bridge: Precache) -> float:
    try:
        return bridge.metrics().get('precache_bridge_forwarded_total{cloud="paris"}', 0.0)
    except OSError:  # it is still starting
        return 0.0


def drain(rig: Rig, clouds: list[dict[str, Any]], count: int) -> tuple[float, float]:
    """Let `paris` drain a backlog, with other clouds beside it: messages a second, and CPU a message (us)."""
    rig.publish_fast(notifications(1)[0][1], count)
    with rig.start(rig.config(*clouds)) as bridge:
        wait_until(lambda: forwarded(bridge) > 0, "the first message", 60, 0.05)
        began, first, cpu_s = time.monotonic(), forwarded(bridge), cpu(bridge)
        wait_until(lambda: forwarded(bridge) >= count, "the backlog to be drained", 120, 0.1)
        drained = count - first
        return drained / (time.monotonic() - began), (cpu(bridge) - cpu_s) / drained * 1e6


def cpu(bridge: Precache) -> float:
    """Seconds of CPU that the process has taken."""
    fields = Path(f"/proc/{bridge.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_sick_clouds_do_not_slow_down_the_others(rig: Rig, hanging: int) -> None:
    url = rig.cloud.transport_url
    urls = {"dead": f"rabbit://u:p@127.0.0.1:{free_port()}/", "hanging": f"rabbit://u:p@127.0.0.1:{hanging}/"}
    urls["stranger"] = url.replace("rabbit://precache:", "rabbit://precache:wrong")
    sick = [rig.paris(topic="x") | {"name": name, "transport_url": bad} for name, bad in urls.items()]
    # In turn, so that what else the machine does falls on both alike.
    runs = [(*drain(rig, [rig.paris()], COUNT), *drain(rig, [rig.paris(), *sick], COUNT)) for _ in range(RUNS)]
    alone, cpu_alone, beside, cpu_beside = (statistics.median(each) for each in zip(*runs, strict=True))
    print([tuple(map(round, run)) for run in runs])  # noqa: T201 - for docs
    print(  # noqa: T201 - for docs
        f"medians of {RUNS}: alone {alone:.0f}/s ({cpu_alone:.0f} us CPU a message),"
        f" beside three sick clouds {beside:.0f}/s ({cpu_beside:.0f} us)"
    )
    assert beside > 0.9 * alone
