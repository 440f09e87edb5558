import random

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from bridge.source.amqp import properties
from bridge.source.amqp.frames import FrameError, FrameReader

CHANNEL = 3


def delivery(
    tag: int, body: bytes, *, channel: int = CHANNEL, headers: dict[str, object] | None = None, chunk: int = 50
) -> bytes:
    """A delivery as pika would write it."""
    method = spec.Basic.Deliver("consumer", tag, False, "nova", "precache.info")
    props = pika.BasicProperties(content_type="application/json", delivery_mode=2, headers=headers)
    frames = [frame.Method(channel, method), frame.Header(channel, len(body), props)]
    frames += [frame.Body(channel, body[at : at + chunk]) for at in range(0, len(body), chunk)]
    made: list[bytes] = [each.marshal() for each in frames]
    return b"".join(made)


def other(channel: int = CHANNEL) -> bytes:
    made: list[bytes] = [frame.Method(channel, spec.Basic.QosOk()).marshal(), frame.Heartbeat().marshal()]
    return b"".join(made)


@given(
    bodies=st.lists(st.binary(max_size=200), max_size=8),
    cuts=st.integers(1, 400),
    seed=st.integers(0, 1000),
    chunk=st.integers(1, 300),
)
def test_however_the_stream_is_cut_the_deliveries_are_the_same(
    bodies: list[bytes], cuts: int, seed: int, chunk: int
) -> None:
    choose = random.Random(seed)
    passed: list[bytes] = []
    reader = FrameReader(passed.append)
    reader.watch(CHANNEL)
    stream, others = b"", 0
    for tag, body in enumerate(bodies, 1):
        stream += delivery(tag, body, chunk=chunk)
        if choose.random() < 0.5:
            stream += other()
            others += 2
    taken = []
    while stream:
        size = choose.randint(1, cuts)
        reader.feed(stream[:size])
        stream = stream[size:]
        taken += reader.take()
    assert [(each.tag, each.body) for each in taken] == list(enumerate(bodies, 1))
    assert len(passed) == others
    assert reader.buffered_bytes == 0


def test_other_channels_are_pikas_business() -> None:
    passed: list[bytes] = []
    reader = FrameReader(passed.append)
    reader.watch(CHANNEL)
    foreign = delivery(1, b"x", channel=CHANNEL + 1)
    reader.feed(foreign + delivery(1, b"mine"))
    assert b"".join(passed) == foreign
    assert [each.body for each in reader.take()] == [b"mine"]


def test_a_new_channel_begins_anew() -> None:
    reader = FrameReader(lambda _: None)
    reader.watch(CHANNEL)
    reader.feed(delivery(1, b"x" * 100)[:-60])
    reader.watch(0)
    assert reader.take() == []


@pytest.mark.parametrize(
    "stream",
    [
        delivery(1, b"x")[:-1] + b"\x00",
        frame.Header(CHANNEL, 1, pika.BasicProperties()).marshal(),
        frame.Body(CHANNEL, b"x").marshal(),
        delivery(1, b"xx")[:-10] + frame.Body(CHANNEL, b"more than announced").marshal(),
        b"\x01\x00\x03\x00\x00\x00\x01xx",
    ],
)
def test_what_is_no_amqp_is_refused(stream: bytes) -> None:
    reader = FrameReader(lambda _: None)
    reader.watch(CHANNEL)
    with pytest.raises(FrameError):
        reader.feed(stream)


def test_properties_are_read_for_dead_letters() -> None:
    reader = FrameReader(lambda _: None)
    reader.watch(CHANNEL)
    reader.feed(delivery(1, b"x", headers={"n": 1, "nested": {"list": [b"\xff", None]}}))
    (taken,) = reader.take()
    assert properties.decode(taken.properties) == {
        "content_type": "application/json",
        "delivery_mode": 2,
        "headers": {"n": 1, "nested": {"list": ["\\xff", None]}},
    }
    assert properties.decode(b"\xff\xff") == {"raw": "ffff"}
