"""Killed bridges, two that share a queue, queues that lose their binding: nothing of a durable queue is missing."""

import signal
import threading
import time

import pytest

from tests.integration.bridge.rig import SOURCES_OF_LONG_TESTS, Rig, notifications
from tests.support.process import wait_until


@pytest.mark.parametrize("source", SOURCES_OF_LONG_TESTS)
def test_a_killed_bridge_misses_nothing(rig: Rig, source: str) -> None:
    sent = notifications(3000)
    rig.publish([body for _, body in sent])
    for _ in range(3):
        with rig.bridge(**rig.options(source), prefetch=20) as bridge:
            bridge.process.send_signal(signal.SIGSTOP)  # so that what is in flight can be counted
            wait_until(lambda: rig.unacknowledged() > 0, "messages in flight")
            bridge.kill()
    with rig.bridge(**rig.options(source)):
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()


def test_an_unbound_pool_is_bound_again(rig: Rig) -> None:
    shared = "versioned_notifications.info"
    sent = notifications(20)
    with rig.bridge(pool="mine") as bridge:
        rig.publish([body for _, body in sent[:10]], routing_key=shared)
        rig.wait_forwarded([message_id for message_id, _ in sent[:10]])
        with rig.channel() as channel:
            channel.exchange_delete(rig.cloud.exchange)
            wait_until(lambda: not bridge.ready()[0], "the bridge to see that the exchange is gone", 15)
            assert "exchange" in bridge.ready()[1]
            channel.exchange_declare(rig.cloud.exchange, "topic", durable=rig.kind.is_durable)
        began = time.monotonic()
        bridge.wait_ready(15)
        assert time.monotonic() - began < 15
        rig.publish([body for _, body in sent[10:]], routing_key=shared)
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty("mine")


def test_a_queue_that_is_removed_is_waited_for(rig: Rig) -> None:
    sent = notifications(10)
    with rig.bridge() as bridge:
        with rig.channel() as channel:
            channel.queue_delete(rig.queue)
        wait_until(lambda: not bridge.ready()[0], "the bridge to see that the queue is gone")
        rig.declare_as_nova()
        bridge.wait_ready()
        rig.publish([body for _, body in sent])
        rig.wait_forwarded([message_id for message_id, _ in sent])


def test_a_publisher_and_two_bridges_share_one_queue(rig: Rig) -> None:
    sent = notifications(600)
    publisher = threading.Thread(target=rig.publish, args=([body for _, body in sent],))
    with rig.bridge(prefetch=20) as first, rig.bridge(prefetch=20) as second:
        publisher.start()
        publisher.join()
        counts = rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        shares = [each.metrics()['precache_bridge_forwarded_total{cloud="paris"}'] for each in (first, second)]
    assert sum(shares) == 600
    assert min(shares) > 100
    assert set(counts.values()) == {1}
