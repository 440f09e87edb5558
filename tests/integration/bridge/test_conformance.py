"""What every source must do on a real RabbitMQ, and what `oslo` does otherwise, so that an upstream fix is noticed."""

import copy
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge import service
from bridge.config import CloudBlock
from bridge.source import transport_url as transport
from bridge.source.api import Delivery, MessageSource
from bridge.source.oslo import CANNOT, POISON
from precache.contract import nova
from precache.runtime.shutdown import Stop
from tests.integration.bridge.rig import SOURCES, Rig, notifications
from tests.support import captures
from tests.support.kafka import header
from tests.support.poisons import JSON, KINDS, envelope, progress
from tests.support.process import comes_true, wait_until


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_captures_arrive_once_in_order_and_unchanged(rig: Rig, source: str) -> None:
    sent = {name: captures.read(name) for name in captures.ALL}
    with rig.bridge(**rig.options(source)) as bridge:
        for capture in sent.values():
            rig.publish([message.body for message in capture], capture[0].properties)
        rig.wait_forwarded([message.message()["message_id"] for capture in sent.values() for message in capture])
        rig.wait_empty()
        assert bridge.stop() == 0
    records = rig.records()
    assert len(records) == sum(map(len, sent.values()))
    for name, capture in sent.items():
        expected = [message.message() for message in capture]
        ids = [message["message_id"] for message in expected]
        found = [record for record in records if header(record, "ce_id") in set(ids)]
        values = [json.loads(record.value() or b"") for record in found]
        assert [value["message_id"] for value in values] == ids, name
        assert [value["payload"] for value in values] == [message["payload"] for message in expected], name
        assert {tuple(value["context"]) for value in values} == {nova.CONTEXT_KEYS}, name
        assert len({record.partition() for record in found}) == 1, name


def test_poison_is_kept_and_the_good_around_it_flows_on_in_order(rig: Rig, source: str) -> None:
    good = notifications(len(KINDS), aggregates=1)
    with rig.bridge(**rig.options(source)) as bridge:
        for (_, body), kind in zip(good, KINDS.values(), strict=True):
            rig.publish([kind.body], kind.properties)
            rig.publish([body])
        rig.wait_forwarded([message_id for message_id, _ in good], 90)
        rig.wait_empty()
        assert bridge.stop() == 0
    becomes = {name: kind.reason for name, kind in KINDS.items()} | (POISON if source == "oslo" else {})
    forwarded = [header(record, "ce_id") for record in rig.records()]
    assert [each for each in forwarded if each != progress()["message_id"]] == [message_id for message_id, _ in good]
    assert len(forwarded) - len(good) == list(becomes.values()).count("forwarded")
    kept = rig.dead()
    found = sorted(header(record, "precache_reason") for record in kept)
    assert found == sorted(reason for reason in becomes.values() if reason not in {"lost", "forwarded"})
    for record in kept:
        assert b"hunter2" not in (record.value() or b"").replace(b"\0", b"")
        assert header(record, "precache_origin") == rig.queue
        assert header(record, "precache_cloud") == "paris"
        assert record.key() == b"paris"


def test_what_is_unusual_and_no_reason_to_drop_a_message(rig: Rig, source: str) -> None:
    """A `_unique_id` that was seen before, any priority, and messages without an envelope."""
    first = progress()
    assert first["_unique_id"]
    again = [copy.deepcopy(first) | {"message_id": f"again-{number}"} for number in range(2)]
    with_priority = [
        progress() | {"message_id": f"priority-{priority}", "priority": priority, "_unique_id": uuid.uuid4().hex}
        for priority in ("ERROR", None, 5, "whatever")
    ]
    flat = progress() | {"message_id": "flat", "_unique_id": uuid.uuid4().hex}
    sent = [first, *again, *with_priority, flat]
    with rig.bridge(**rig.options(source)):
        # oslo.messaging knows a repetition by the `_unique_id` of what it has handled already.
        rig.publish([envelope(first)])
        rig.wait_forwarded([first["message_id"]])
        rig.publish([envelope(message) for message in (*again, *with_priority)])
        rig.publish([json.dumps(flat).encode()])
        counts = rig.wait_forwarded([message["message_id"] for message in sent])
        rig.wait_empty()
    assert counts == {message["message_id"]: 1 for message in sent}
    assert rig.dead() == []


def unwanted(count: int) -> Iterator[bytes]:
    for _ in range(count):
        message = progress()
        message["event_type"] = "instance.update"
        message["payload"]["nova_object.data"] = {"uuid": "instance-1", "host": "compute1"}
        yield envelope(message | {"_unique_id": None})


def test_what_nobody_wants_is_acknowledged_and_counted(rig: Rig, source: str) -> None:
    with rig.bridge(**rig.options(source)) as bridge:
        rig.publish(unwanted(50))
        wanted = notifications(3)
        rig.publish([body for _, body in wanted])
        rig.wait_forwarded([message_id for message_id, _ in wanted])
        rig.wait_empty()
        metrics = bridge.metrics()
    assert metrics['precache_bridge_filtered_total{cloud="paris"}'] == 50
    assert metrics['precache_bridge_received_total{cloud="paris"}'] == 53
    assert metrics['precache_bridge_forwarded_total{cloud="paris"}'] == 3


def test_further_events_go_to_further_topics(rig: Rig, source: str) -> None:
    everything = f"{rig.topics.prefix}.all"
    rig.make_topics_named(everything)
    with rig.bridge(**rig.options(source), forward={everything: ["*"]}):
        rig.publish([*unwanted(2), envelope(progress())])
        rig.wait_forwarded([progress()["message_id"]])
        rig.wait_empty()
    assert [record.key() for record in rig.records()] == [b"paris/" + _aggregate().encode()]
    assert sorted(record.key() or b"" for record in rig.records(everything)) == sorted(
        [b"paris/instance-1"] * 2 + [b"paris/" + _aggregate().encode()]
    )


def _aggregate() -> str:
    uuid: str = progress()["payload"]["nova_object.data"]["uuid"]
    return uuid


def test_a_pool_gets_its_own_copy(rig: Rig, source: str) -> None:
    # Nova's topic stays whoever's it is; both sources give the pool's queue the pool's name.
    shared = "versioned_notifications.info"
    rig.declare_as_nova(shared)
    with rig.bridge(**rig.options(source), pool="mine"):
        rig.publish([envelope(progress())], routing_key=shared)
        rig.wait_forwarded([progress()["message_id"]])
        rig.wait_empty("mine")
        if source == "rabbit":
            assert rig.depth(shared) == 1


def test_the_shared_queue_is_drained_only_when_asked_for(rig: Rig, source: str) -> None:
    shared = "versioned_notifications.info"
    rig.declare_as_nova(shared)
    with rig.bridge(**rig.options(source), drain_shared=True):
        rig.publish([envelope(progress())], routing_key=shared)
        rig.wait_forwarded([progress()["message_id"]])
        rig.wait_empty(shared)


def test_a_clean_stop_gives_nothing_back(rig: Rig, source: str) -> None:
    sent = notifications(500)
    with rig.bridge(**rig.options(source), prefetch=200) as bridge:
        rig.publish([body for _, body in sent])
        assert bridge.stop() == 0
    forwarded = rig.message_ids()
    with rig.channel() as channel:
        left = [channel.basic_get(rig.queue, auto_ack=True) for _ in range(rig.depth())]
    # oslo.messaging has taken from RabbitMQ up to `prefetch` messages that it did not hand out: those it requeues.
    requeued = sum(method.redelivered for method, _, _ in left)
    assert requeued <= (200 if source == "oslo" else 0)
    assert len(left) + len(forwarded) == 500
    assert set(forwarded.values()) <= {1}


def test_heartbeats(rig: Rig, source: str) -> None:
    with rig.bridge(**rig.options(source)) as bridge:
        rig.publish([envelope(progress()), b""], JSON)
        rig.wait_forwarded([progress()["message_id"]])
        assert bridge.stop() == 0
    heartbeats = rig.heartbeats()
    assert [heartbeat["state"] for heartbeat in heartbeats] == ["starting", "stopping"]
    assert {heartbeat["instance"] for heartbeat in heartbeats} == {"bridge-1"}
    assert heartbeats[-1]["counts"]["forwarded"] == 1
    assert heartbeats[-1]["counts"]["in_flight"] == 0


def can(source: str, what: str) -> bool:
    """Whether a source is to be able to do something: `rabbit` can do it all."""
    return source == "rabbit" or what not in CANNOT


def test_what_nova_has_not_declared_is_waited_for(undeclared: Rig, source: str) -> None:
    rig = undeclared
    with rig.start(rig.config(rig.paris(**rig.options(source)))) as bridge:
        if can(source, "waits-for-nova"):
            wait_until(lambda: "does not exist" in bridge.ready()[1], "the bridge to say what it waits for")
            assert rig.cloud.queue(rig.queue) == {}
        else:
            bridge.wait_ready()
            assert rig.cloud.queue(rig.queue)["durable"] == rig.kind.is_durable


def test_a_connection_that_is_lost_is_reported_and_so_is_its_return(rig: Rig, source: str) -> None:
    with rig.bridge(**rig.options(source)) as bridge:
        assert comes_true(lambda: bool(rig.connections()), 15.0)
        rig.close_connections()
        told = comes_true(lambda: bool(bridge.events("bridge.source_lost")), 5.0)
        assert told == can(source, "reports-when-it-is-lost")
        rig.publish([envelope(progress())])
        rig.wait_forwarded([progress()["message_id"]])
        bridge.wait_ready()


@contextmanager
def opened(rig: Rig, source: str) -> Iterator[MessageSource]:
    stop = Stop()
    block = CloudBlock.model_validate(rig.paris(**rig.options(source)))
    read = transport.read(block.transport_url.get_secret_value(), block.oslo_messaging_rabbit)
    made = service.make_source("conformance", block, read, lambda: stop.requested)
    made.open()
    try:
        yield made
    finally:
        made.close()


def received(source: MessageSource, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    end = time.monotonic() + 20.0
    while len(found) < count and time.monotonic() < end:
        found += source.receive(0.1)
    assert len(found) == count
    return found


def test_what_is_requeued_comes_again_and_the_connection_stays(rig: Rig, source: str) -> None:
    rig.publish([envelope(progress())])
    with opened(rig, source) as made:
        received(made, 1)
        assert comes_true(lambda: len(rig.connections()) == 1, 15.0)
        before = rig.connections()
        made.release()
        time.sleep(1.0)  # the management API is that late
        assert (rig.connections() == before) == can(source, "keeps-the-connection")
        made.open()
        (again,) = received(made, 1)
        made.ack(again.tag, multiple=True)
        made.serve(0.1)
    rig.wait_empty()
