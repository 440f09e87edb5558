"""Bombs in the queue of one cloud: the other one goes on, and each bomb is seen to once."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

import pika
import pytest

from tests.integration.bridge import bombs
from tests.integration.bridge.rig import Rig, notifications
from tests.support.kafka import header
from tests.support.process import Precache, wait_until

OTHER = "other"
# What the other cloud sends, and how fast the bombs come.
EVERY_S = 0.05
BOMBS_A_SECOND = 100


class Other:
    """The cloud without bombs: a notification every now and then, and when each was sent."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._over = threading.Event()
        self.sent_at_s: dict[str, float] = {}

    @contextmanager
    def sending(self) -> Iterator[None]:
        thread = threading.Thread(target=self._send)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(30)

    def _send(self) -> None:
        while not self._over.wait(EVERY_S):
            ((message_id, body),) = notifications(1)
            self.sent_at_s[message_id] = time.time()
            self._rig_publish(body)

    def _rig_publish(self, body: bytes) -> None:
        self._rig.publish([body], routing_key=f"{OTHER}.info")

    def delays_s(self) -> list[float]:
        """How long each took from before it was published to Kafka's own stamp, in ascending order."""
        stamps_s = {header(record, "ce_id"): record.timestamp()[1] / 1000 for record in self._rig.records()}
        return sorted(stamps_s[message_id] - sent_s for message_id, sent_s in self.sent_at_s.items())


def throw(rig: Rig, rounds: int) -> dict[str, str]:
    """Publish that many bombs of each kind; return what is to become of each, by its id."""
    outcomes, began_s = dict[str, str](), time.monotonic()
    with rig.channel() as channel:
        for _ in range(rounds):
            for bomb in bombs.KINDS.values():
                own, body, properties = bomb.message()
                channel.basic_publish(rig.cloud.exchange, rig.queue, body, pika.BasicProperties(**properties))
                outcomes[own] = bomb.outcome
                time.sleep(max(0.0, began_s + len(outcomes) / BOMBS_A_SECOND - time.monotonic()))
    return outcomes


def seen_to(bridge: Precache) -> float:
    """How many messages of the cloud with the bombs Kafka has taken, as records or as dead letters."""
    names = ("precache_bridge_forwarded_total", "precache_bridge_deadlettered_total")
    return sum(value for name, value in bridge.metrics().items() if name.startswith(names) and 'cloud="paris"' in name)


def found(rig: Rig) -> Counter[tuple[str, str]]:
    """What became of the bombs, by id; of each, once."""
    dead = rig.dead()
    for record in dead:
        assert bombs.SECRET.encode() not in (record.value() or b"").replace(b"\0", b"")
    outcomes = Counter(
        (header(record, "precache_properties").partition("id=")[2][:36], header(record, "precache_reason"))
        for record in dead
    )
    return outcomes + Counter({(message_id, bombs.FORWARDED): times for message_id, times in rig.message_ids().items()})


@pytest.mark.parametrize("rounds", [2, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_bombs_in_one_cloud_do_not_hold_up_another(rig: Rig, rounds: int) -> None:
    with rig.channel() as channel:
        channel.queue_declare(f"{OTHER}.info", durable=True)
        channel.queue_bind(f"{OTHER}.info", rig.cloud.exchange, f"{OTHER}.info")
    other = Other(rig)
    # A breaker would stop this cloud after twenty of them.
    paris = rig.paris(breaker={"share": 1.0})
    with rig.start(rig.config(paris, rig.paris(topic=OTHER) | {"name": OTHER})).wait_ready() as bridge:
        with other.sending():
            thrown = throw(rig, rounds)
            wait_until(lambda: seen_to(bridge) >= len(thrown), "all bombs", 60 + rounds * 30)
            rig.wait_empty()
        rig.wait_forwarded(other.sent_at_s)
        assert bridge.ready()[0]
        assert bridge.events("bridge.source_lost") == []
        assert bridge.stop() == 0
    outcomes = found(rig)
    for message_id in other.sent_at_s:
        outcomes.pop((message_id, bombs.FORWARDED))
    missing = Counter(thrown.items()) - outcomes
    assert not missing, sorted(missing)
    assert outcomes == Counter(thrown.items())
    delays_s = other.delays_s()
    p99_s = delays_s[ceil(0.99 * len(delays_s)) - 1]
    print(f"p50 {delays_s[len(delays_s) // 2]:.3f} s, p99 {p99_s:.3f} s, of {len(delays_s)}")  # noqa: T201 - for docs
    assert p99_s < 3.0
