"""Bridges, processors and all three servers come to harm at random; at the end all is there that was sent, once.

A failure names its seed; `PRECACHE_CHAOS_SEED` plays the same operations and the same faults at the same moments again.
What the machine's scheduler makes of them is not in our hands. `PRECACHE_CHAOS_MINUTES` is the length of the long form.
"""

import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.path import stories
from tests.faults.path.chaos import Chaos, plan
from tests.faults.path.fleet import Fleet
from tests.faults.path.oracle import Sent, wait_right
from tests.faults.path.site import Site, running
from tests.services.testing import Bucket, Cloud, Topics
from tests.support import captures
from tests.support.nova import Nova
from tests.support.stack import Stack

PROCESSOR: Final = {
    "operations": {"grace_period": "2s", "stall_after": "10s", "abandon_after": "15s", "allowed_lateness": "24h"}
}
SHARED: Final = "versioned_notifications"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture
def stack(site: Site, tmp_path: Path) -> Stack:
    servers = site.direct()
    name = f"test-{uuid.uuid4().hex[:12]}"
    bucket = Bucket(servers.influx_url, servers.influx_org, servers.influx_token, name)
    bucket.create()
    cloud = Cloud(servers.rabbitmq.transport_url, f"nova-{name}", f"precache-{name}", servers.rabbitmq.api_url)
    return Stack(tmp_path, servers, cloud, Topics(name), bucket, site.proxied())


def clouds_of(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return three clouds: an own topic, a pool, and oslo.messaging; messages outlast a restart in all."""
    oslo = {"source": "oslo", "oslo_messaging_rabbit": {"amqp_durable_queues": True}}
    ways: dict[str, dict[str, Any]] = {"paris": {}, "london": {"pool": "ours", "hold": "3s"}, "tokyo": oslo}
    made = {}
    for name, way in ways.items():
        place = {"name": name, "exchange": f"{stack.cloud.exchange}-{name}"}
        pool = f"{stack.cloud.topic}-{name}"
        made[name] = place | ({"pool": pool} | {"hold": way["hold"]} if "pool" in way else {"topic": pool} | way)
    return made


def declare(stack: Stack, clouds: dict[str, dict[str, Any]]) -> None:
    """Declare what each cloud's Nova does, all of it durable; the pool's binding is the bridge's."""
    stack.declare(durable=True)
    for cloud in clouds.values():
        topic = cloud.get("topic", SHARED)
        with captures.channel(stack.cloud.transport_url) as channel:
            channel.exchange_declare(cloud["exchange"], "topic", durable=True)
            if "topic" in cloud:
                channel.queue_declare(f"{topic}.info", durable=True)
                channel.queue_bind(f"{topic}.info", cloud["exchange"], f"{topic}.info")


class Novas:
    """The Novas of all clouds, each of which sends its messages evenly over a time."""

    def __init__(
        self, stack: Stack, clouds: dict[str, dict[str, Any]], told: list[stories.Cloud], over_s: float
    ) -> None:
        self._told = told
        self._over_s = over_s
        self._done = dict.fromkeys(clouds, 0)
        self._threads = {
            name: Nova(stack.cloud.transport_url, cloud["exchange"], f"{cloud.get('topic', SHARED)}.info")
            for name, cloud in clouds.items()
        }
        for thread in self._threads.values():
            thread.start()

    def send(self, now_s: float) -> None:
        """Send what is due by now."""
        for cloud in self._told:
            due = min(len(cloud.messages), round(len(cloud.messages) * now_s / self._over_s))
            self._threads[cloud.name].send(cloud.messages[self._done[cloud.name] : due])
            self._done[cloud.name] = max(due, self._done[cloud.name])

    def end(self) -> None:
        """Send the rest, and wait until all is on RabbitMQ."""
        self.send(self._over_s)
        for thread in self._threads.values():
            thread.end()


def play(
    site: Site, stack: Stack, *, seed: int, duration_s: float, size: stories.Size, every_s: float, most_s: float
) -> str:
    """Play it all, check it all, and return what it was in one line."""
    chance = random.Random(seed)
    sent, clouds = Sent(), clouds_of(stack)
    told = [stories.Cloud(name, unreadable=name != "tokyo") for name in clouds]
    for cloud in told:
        stories.tell(chance, cloud, size, sent)
    declare(stack, clouds)
    bridges = [[clouds["paris"], clouds["london"]], [clouds["paris"], clouds["tokyo"]]]
    kafka = {
        "kafka": {
            "bootstrap.servers": site.proxied().kafka,
            "group.id": stack.topics.group,
            "session.timeout.ms": 6_000,
        }
    }
    began = time.monotonic()
    with Fleet(stack, bridges, PROCESSOR | kafka) as fleet:
        fleet.wait_ready()
        errors = plan(chance, [member.name for member in fleet.members], duration_s, every_s, most_s)
        novas = Novas(stack, clouds, told, duration_s)
        try:
            Chaos(site, fleet, errors).happen(novas.send)
            novas.end()
            figures = wait_right(stack, sent, 120)
            assert_it_could_fail(stack, sent)
            fleet.wait_ready()
            for member in fleet.members:
                member.stop()
        except BaseException as error:
            error.add_note(f"seed {seed}; " + "; ".join(map(str, errors)))
            raise
        gave_up = [words for member in fleet.members for words in member.gave_up]
    counts = Counter(f"{problem.target} {problem.disturbance.kind}" for problem in errors)
    return (
        f"seed {seed}, {time.monotonic() - began:.0f} s, {len(errors)} faults, {len(gave_up)} fatal errors: {figures}\n"
        + "\n".join([", ".join(f"{name} {count}" for name, count in sorted(counts.items())), *gave_up])
    )


def assert_it_could_fail(stack: Stack, sent: Sent) -> None:
    """Hold what is there against one more message, and against one more operation, that nobody sent."""
    more = replace(sent, without_request=sent.without_request | {"never sent"})
    with pytest.raises(AssertionError, match=r"1 missing: .'never sent'"):
        wait_right(stack, more, 0)
    operation = next(name for name, events in sent.operations.items() if len(events) > 2)
    fewer = dict(list(sent.operations[operation].items())[:1])
    with pytest.raises(AssertionError, match="that nobody sent"):
        wait_right(stack, replace(sent, operations=sent.operations | {operation: fewer}), 0)


def chosen_seed() -> int:
    return int(os.environ.get("PRECACHE_CHAOS_SEED") or random.randrange(10**6))


@pytest.mark.timeout(400)
def test_all_that_was_sent_is_there_once(site: Site, stack: Stack) -> None:
    size = stories.Size(operations=12, many_hosts=150)
    print(play(site, stack, seed=chosen_seed(), duration_s=15, size=size, every_s=2.5, most_s=4.0))  # noqa: T201 - for docs


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_all_that_was_sent_is_there_once_after_long(
    site: Site, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes = float(os.environ.get("PRECACHE_CHAOS_MINUTES") or 30)
    size = stories.Size(operations=max(11, round(5 * minutes)), many_hosts=2_000)
    seed = chosen_seed()
    with capsys.disabled():
        print(f"\nchaos of {minutes:g} minutes, seed {seed}")  # noqa: T201 - so that a run that is killed can be played again
        line = play(site, stack, seed=seed, duration_s=60 * minutes, size=size, every_s=8.0, most_s=30.0)
        print(line)  # noqa: T201 - figures for docs
