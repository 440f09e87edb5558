import bz2
import json
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bridge.decode import reasons
from bridge.decode.message import Decoder, Forward, Route, _timestamp
from bridge.decode.poison import Poison
from precache.contract import cloudevents, nova, topics
from precache.contract.times import rfc3339_from_nova
from tests.support import captures
from tests.support.poisons import KINDS, changed, data, envelope, progress

TO = "nova.notifications"
DECODER = Decoder("paris", [Route(TO, ("aggregate.cache_images.*",))])


def forward(body: bytes, decoder: Decoder = DECODER) -> Forward:
    outcome = decoder.decode(body)
    assert isinstance(outcome, Forward), outcome
    return outcome


@pytest.mark.parametrize("name", captures.ALL)
def test_a_capture_arrives_as_the_contract_says(name: str) -> None:
    for captured in captures.read(name):
        message = captured.message()
        made = forward(captured.body)
        aggregate = message["payload"]["nova_object.data"]["uuid"]
        timestamp = rfc3339_from_nova(message["timestamp"])
        assert made.topics == (TO,)
        assert made.key == f"paris/{aggregate}".encode()
        assert json.loads(made.value) == {
            "event_type": message["event_type"],
            "message_id": message["message_id"],
            "timestamp": timestamp,
            "publisher_id": message["publisher_id"],
            "payload": message["payload"],
            "context": {key: message[f"_context_{key}"] for key in nova.CONTEXT_KEYS},
        }
        assert made.headers == cloudevents.headers(
            event_id=message["message_id"],
            source_path=cloudevents.source("clouds", "paris", message["publisher_id"]),
            event_type=topics.NOVA_TYPE_PREFIX + message["event_type"],
            subject=f"paris/{aggregate}",
            time=timestamp,
        )


def test_a_flat_message_reads_as_one_in_an_envelope() -> None:
    message = progress()
    assert forward(json.dumps(message).encode()) == forward(envelope(message))


def test_nothing_of_the_context_but_the_allowed_leaves_the_cloud() -> None:
    message = progress() | {"_context_service_catalog": [{"secret": 1}], "_context_anything": "else"}
    value = forward(envelope(message)).value
    assert b"hunter2" not in value
    assert b"catalog" not in value
    assert b"anything" not in value


BY_PROPERTIES = (
    "content-type",
    "pickle",
    "content-encoding",
    "unknown-compression",
    "broken-compression",
    "compressed-poison",
)


# What Kafka refuses is not the decoder's to say.
@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"too-large-for-kafka", *BY_PROPERTIES}))
def test_poison(name: str) -> None:
    outcome = DECODER.decode(KINDS[name].body)
    assert isinstance(outcome, Poison), outcome
    assert outcome.reason == KINDS[name].reason
    assert outcome.reason in reasons.REASONS
    assert outcome.detail
    assert "hunter2" not in outcome.detail


@pytest.mark.parametrize("name", BY_PROPERTIES)
def test_poison_by_its_properties(name: str) -> None:
    decoder = Decoder("paris", [Route(TO, ("*",))], lambda _: KINDS[name].properties)
    for _ in range(2):
        outcome = decoder.decode(KINDS[name].body, b"properties")
        assert isinstance(outcome, Poison), outcome
        assert outcome.reason == KINDS[name].reason


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "Application/JSON", "content_encoding": "UTF-8", "headers": {"x": 1}},
    ],
)
def test_properties_that_say_json(properties: dict[str, Any]) -> None:
    decoder = Decoder("paris", [Route(TO, ("*",))], lambda _: properties)
    assert isinstance(decoder.decode(envelope(progress()), b"raw"), Forward)


@pytest.mark.parametrize(
    ("compress", "name"), [(zlib.compress, "application/x-gzip"), (bz2.compress, "application/x-bz2")]
)
def test_what_kombu_compressed_is_read(compress: Callable[[bytes], bytes], name: str) -> None:
    properties = {"content_type": "application/json", "headers": {"compression": name}}
    decoder = Decoder("paris", [Route(TO, ("*",))], lambda _: properties)
    assert decoder.decode(compress(envelope(progress())), b"raw") == forward(envelope(progress()))


def test_a_small_body_that_is_huge_when_decompressed_is_too_large() -> None:
    properties = {"headers": {"compression": "gzip"}}
    decoder = Decoder("paris", [Route(TO, ("*",))], lambda _: properties)
    outcome = decoder.decode(zlib.compress(b" " * 50_000_000), b"raw")
    assert isinstance(outcome, Poison)
    assert outcome.reason == reasons.TOO_LARGE


def test_every_reason_is_reported_and_tested() -> None:
    tested = {kind.reason for kind in KINDS.values()}
    assert tested | {reasons.REFUSED, reasons.INTERNAL} == reasons.REASONS.keys()


def test_poison_of_an_unwanted_type_is_no_matter() -> None:
    decoder = Decoder("paris", [Route(TO, ("aggregate.*",))])
    assert decoder.decode(changed(lambda m: m.update(event_type="instance.update", payload=3))) is None


def test_an_event_type_in_the_payload_is_not_taken_for_the_messages_own() -> None:
    message = progress()
    data(message)["name"] = '", "event_type": "compute.unwanted", "priority": '
    reordered = {"payload": message.pop("payload"), **message}
    for body in (envelope(progress() | {"payload": reordered["payload"]}), envelope(reordered)):
        assert forward(body).event_type == nova.PROGRESS


def test_events_go_to_every_topic_that_wants_them() -> None:
    routes = [Route(TO, ("aggregate.cache_images.*",)), Route("all", ("*",)), Route("none", ("compute.*",))]
    decoder = Decoder("paris", routes)
    assert forward(envelope(progress()), decoder).topics == (TO, "all")
    instance = changed(
        lambda m: m.update(
            event_type="instance.update",
            payload={
                "nova_object.name": "InstanceUpdatePayload",
                "nova_object.namespace": "nova",
                "nova_object.version": "2.0",
                "nova_object.data": {"uuid": "178b0921", "host": "compute1"},
            },
        )
    )
    made = forward(instance, decoder)
    assert made.topics == ("all",)
    assert made.key == b"paris/178b0921"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"host": "compute1"}, b"paris/compute1"),
        ({"flavorid": "42", "name": "m1"}, b"paris/42"),
        ({"instance_uuid": "i-1", "volume_id": "v-1"}, b"paris/i-1"),
        ({"module_name": "x"}, b"paris/nova-conductor:ctrl01"),
    ],
)
def test_the_key_is_the_resource(fields: dict[str, str], key: bytes) -> None:
    payload = {"nova_object.name": "P", "nova_object.version": "1.0", "nova_object.data": fields}
    body = changed(lambda m: m.update(event_type="x.y", payload=payload))
    assert forward(body, Decoder("paris", [Route("all", ("*",))])).key == key


# strftime writes a year before 1000 with fewer digits.
NOVA_TIMES = st.datetimes(min_value=datetime(1000, 1, 1))  # noqa: DTZ001 - naive, as Nova writes them


@given(st.text(max_size=26) | NOVA_TIMES.map(str) | NOVA_TIMES.map(datetime.isoformat))
@example("2026-11-22 06:24:38")
@example("2026-W47-7 06:24:38.695481")
@example("2026-11-22 06:24:38.695+01")
@example("2026-11-22 06:24:38,695481")
def test_a_timestamp_is_as_the_contract_reads_it(text: str) -> None:
    assume(not text.startswith("0"))
    try:
        wanted = rfc3339_from_nova(text)
    except (ValueError, OverflowError):
        with pytest.raises(Poison):
            _timestamp(text)
    else:
        assert _timestamp(text) == wanted


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(extra=JSON_VALUES, ascii_only=st.booleans(), outer_ascii=st.booleans(), compact=st.booleans())
def test_a_payload_is_forwarded_unchanged_or_not_at_all(
    extra: Any, *, ascii_only: bool, outer_ascii: bool, compact: bool
) -> None:
    message = progress()
    data(message)["metadata"] = extra
    separators = (",", ":") if compact else None
    text = json.dumps(message, ensure_ascii=ascii_only, separators=separators)
    outer = {"oslo.version": "2.0", "oslo.message": text}
    try:
        body = json.dumps(outer, ensure_ascii=outer_ascii, separators=separators).encode()
    except UnicodeEncodeError:
        return
    outcome = DECODER.decode(body)
    if isinstance(outcome, Poison):
        assert outcome.reason in {reasons.NUMBER, reasons.NOT_JSON}
        assert _needs_more_than_json(extra)
    else:
        assert isinstance(outcome, Forward)
        assert json.loads(outcome.value)["payload"] == message["payload"]
        assert repr(json.loads(outcome.value)["payload"]) == repr(message["payload"])


def _needs_more_than_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return True
    return False


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_there_is_an_outcome(body: bytes) -> None:
    assert isinstance(DECODER.decode(body), Poison | Forward | None)


@given(at=st.integers(0, 1500), byte=st.integers(0, 255))
def test_a_changed_byte_never_raises(at: int, byte: int) -> None:
    body = bytearray(envelope(progress()))
    body[at % len(body)] = byte
    assert isinstance(DECODER.decode(bytes(body)), Poison | Forward | None)
