"""What can't be used, and what is said of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from precache.contract.topics import BRIDGE_TYPE
from processor.core.decode import ProgressReport, read
from processor.core.effects import Effects
from processor.core.explain import Unreadable
from processor.core.partition import Partition
from processor.core.settings import Timers
from tests.support.events import AGGREGATE, Source

NOVA = Source()
GOOD = NOVA.report("a", ["x"], ["y"])
HEARTBEAT = {
    "event_type": BRIDGE_TYPE,
    "cloud": "paris",
    "instance": "paris-1",
    "version": "1.0",
    "state": "running",
    "timestamp": "2026-11-22T06:24:38.695481Z",
    "counts": {"received": 1, "forwarded": 1, "deadlettered": 0, "in_flight": 0},
}


def changed(path: str, value: Any, base: dict[str, Any] = GOOD.body) -> bytes:
    body = json.loads(json.dumps(base))
    *parents, last = path.split("/")
    holder = body
    for parent in parents:
        holder = holder[parent]
    if value is Ellipsis:
        del holder[last]
    else:
        holder[last] = value
    return json.dumps(body).encode()


DATA = "payload/nova_object.data"
LONG = "é" * 2_048 + "x"
CASES = [
    (b"{", "undecodable", "not JSON"),
    (b"\xff\xfe", "undecodable", "not JSON"),
    (b"", "undecodable", "not JSON"),
    (b"[1]", "undecodable", "the value: expected `object`, got `array`"),
    (b'{"event_type": NaN}', "undecodable", "not JSON"),
    (changed("event_type", None), "undecodable", "event_type: expected `str`"),
    (changed("event_type", []), "undecodable", "event_type: expected `str`"),
    (changed("payload", None), "undecodable", "payload: expected `object`, got `null`"),
    (changed("payload", []), "undecodable", "payload: expected `object`, got `array`"),
    (changed("context", None), "undecodable", "context: expected `object`, got `null`"),
    (changed("payload/nova_object.version", "2.0"), "unknown-version", "is '2.0', not 1.x"),
    (changed("payload/nova_object.version", "10.0"), "unknown-version", "is '10.0', not 1.x"),
    (
        changed("payload/nova_object.version", 1),
        "undecodable",
        "payload.nova_object.version: expected `str`, got `int`",
    ),
    (
        changed("payload/nova_object.version", ...),
        "undecodable",
        "payload: object missing required field `nova_object.version`",
    ),
    (changed("context/request_id", None), "no-request-id", "context.request_id is missing"),
    (changed("context/request_id", ""), "no-request-id", "context.request_id is missing"),
    (changed("context/request_id", ...), "no-request-id", "context.request_id is missing"),
    (changed("context/request_id", 7), "undecodable", "context.request_id: expected `str`, got `int`"),
    (changed("context/project_id", 7), "undecodable", "context.project_id: expected `str | null`, got `int`"),
    (changed("message_id", ""), "undecodable", "message_id: expected `str` of length >= 1"),
    (changed("timestamp", "yesterday"), "undecodable", "timestamp: invalid RFC3339 encoded datetime"),
    (changed("timestamp", "0001-01-01T00:00:00Z"), "undecodable", "timestamp: a time that the stores can't hold"),
    (changed("timestamp", "0001-01-01T00:00:00+10:00"), "undecodable", "timestamp: a time that the stores can't hold"),
    (changed("timestamp", "9999-12-31T23:59:59-10:00"), "undecodable", "timestamp: a time that the stores can't hold"),
    (
        changed("timestamp", "9999-12-31T23:59:59-10:00", HEARTBEAT),
        "undecodable",
        "timestamp: a time that the stores can't hold",
    ),
    (changed("timestamp", 12), "undecodable", "timestamp: expected `datetime`, got `int`"),
    (changed(f"{DATA}/host", ""), "undecodable", "payload.nova_object.data.host: expected `str` of length >= 1"),
    (changed(f"{DATA}/host", ...), "undecodable", "payload.nova_object.data: object missing required field `host`"),
    (changed(f"{DATA}/index", True), "undecodable", "index: expected `int`, got `bool`"),
    (changed(f"{DATA}/index", 2**63), "undecodable", "index: expected `int` <= 9223372036854775807"),
    (changed(f"{DATA}/total", 1.5), "undecodable", "total: expected `int`, got `float`"),
    (changed(f"{DATA}/total", 2**64), "undecodable", "total: expected `int` <= 9223372036854775807"),
    (changed(f"{DATA}/images_cached", "x"), "undecodable", "images_cached: expected `array`, got `str`"),
    (changed(f"{DATA}/images_failed", [["x"]]), "undecodable", "images_failed[0]: expected `str`, got `array`"),
    (changed(f"{DATA}/images_failed", [1]), "undecodable", "images_failed[0]: expected `str`, got `int`"),
    (changed(f"{DATA}/name", None), "undecodable", "name: expected `str`, got `null`"),
    (changed(f"{DATA}/hosts", "a", NOVA.start([]).body), "undecodable", "hosts: expected `array | null`, got `str`"),
    (changed(f"{DATA}/hosts", [""], NOVA.start([]).body), "undecodable", "hosts[0]: expected `str` of length >= 1"),
    (GOOD.value.replace(b'"a"', b'"\\ud800"'), "undecodable", "not JSON"),
    (changed("context/request_id", LONG), "undecodable", "request_id has 4097 bytes; a name may have 4096: 'éé"),
    (changed("context/project_id", LONG), "undecodable", "project_id has 4097 bytes"),
    (changed("message_id", LONG), "undecodable", "message_id has 4097 bytes"),
    (changed(f"{DATA}/name", LONG), "undecodable", "aggregate_name has 4097 bytes"),
    (changed(f"{DATA}/host", LONG), "undecodable", "host has 4097 bytes"),
    (changed(f"{DATA}/name", LONG, NOVA.start([]).body), "undecodable", "aggregate_name has 4097 bytes"),
    (changed("cloud", LONG, HEARTBEAT), "undecodable", "cloud has 4097 bytes"),
    (changed("payload/nova_object.version", LONG), "unknown-version", "ééé..., not 1.x"),
    (changed("counts", None, HEARTBEAT), "undecodable", "counts: expected `object`, got `null`"),
    (changed("counts/received", "1", HEARTBEAT), "undecodable", "counts.received: expected `int`, got `str`"),
    (changed("instance", "", HEARTBEAT), "undecodable", "instance: expected `str` of length >= 1"),
]


@pytest.mark.parametrize(("value", "reason", "detail"), CASES, ids=[f"{case[1]} {case[2]}" for case in CASES])
def test_what_is_wrong_is_said(value: bytes, reason: str, detail: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(value)
    assert caught.value.reason == reason
    assert detail in caught.value.detail
    out = Effects()
    Partition(Timers()).apply(5, 7, GOOD.key, value, out)
    assert [(refused.offset, refused.reason, refused.value) for refused in out.refused] == [(7, reason, value)]
    assert not out.decisions


@pytest.mark.parametrize(
    "change",
    [
        lambda: changed("payload/nova_object.version", "1.9"),
        lambda: changed(f"{DATA}/id", None),
        lambda: changed("payload/more", {"unknown": 1}),
        lambda: changed("timestamp", "2026-11-22T06:24:38"),
        lambda: changed("context/project_id", None),
        lambda: changed("context/request_id", LONG[:-1]),
    ],
)
def test_what_may_differ(change: Callable[[], bytes]) -> None:
    assert type(read(change())) is ProgressReport


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"paris",
        f"paris/{AGGREGATE}x".encode(),
        f"/{AGGREGATE}".encode(),
        b"\xff/" + AGGREGATE.encode(),
        f"a/b/{AGGREGATE}".encode(),
    ],
)
def test_the_key_must_agree_with_the_payload(key: bytes | None) -> None:
    out = Effects()
    Partition(Timers()).apply(5, 7, key, GOOD.value, out)
    assert [refused.reason for refused in out.refused] == ["undecodable"]
    assert "the record's key is" in out.refused[0].detail


def test_a_key_too_long_is_reported_by_its_beginning() -> None:
    out = Effects()
    for key in (b"x" * 100_000, b"x" * 4_097 + b"/" + AGGREGATE.encode()):
        Partition(Timers()).apply(5, 7, key, GOOD.value, out)
    assert [refused.reason for refused in out.refused] == ["undecodable"] * 2
    assert all("xxx" in refused.detail and len(refused.detail) < 300 for refused in out.refused)


def test_other_event_types_are_counted_and_ignored() -> None:
    out = Effects()
    Partition(Timers()).apply(5, 7, b"x", b'{"event_type": "instance.create.end"}', out)
    assert (out.ignored, out.refused) == (1, [])


def test_a_heartbeat() -> None:
    out = Effects()
    Partition(Timers()).apply(5, 7, b"paris", json.dumps(HEARTBEAT).encode(), out)
    (row,) = out.heartbeats
    assert (row.record.cloud, row.record.counts.received, row.offset) == (
        "paris",
        1,
        7,
    )


@pytest.mark.parametrize("depth", [500, 900, 1_000, 1_010, 1_023, 1_100, 100_000])
def test_a_value_of_any_depth_is_unreadable_in_words(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    for value in (nested, changed(f"{DATA}/host", "@").replace(b'"@"', nested)):
        with pytest.raises(Unreadable):
            read(value)
