"""The load is what Nova sends and what the bridge writes: else nothing that is measured on it means anything."""

import json

from bench.load.bodies import Maker
from bench.load.plan import Plan
from bridge.decode.message import Decoder, Forward, Route
from precache.contract.nova import END, START
from tests.support import captures

PLAN = Plan(clouds=2, operations=3, hosts=20)


def test_bridge_writes_the_very_records_that_logs_are_filled_with() -> None:
    maker = Maker(PLAN)
    decoders = {f"cloud{cloud:02d}": Decoder(f"cloud{cloud:02d}", [Route("t", ("*",))]) for cloud in range(2)}
    events = list(PLAN.stream())
    assert len(events) == PLAN.events == 2 * 3 * 22
    for event in events:
        found = decoders[event.operation.cloud].decode(maker.body(event))
        assert isinstance(found, Forward)
        assert found.value == maker.value(event)
        assert found.key == maker.key(event).encode()
        assert found.headers == maker.headers(event)


def test_body_has_the_keys_and_the_size_of_a_captured_one() -> None:
    maker = Maker(PLAN)
    captured = {one.message()["event_type"]: one for one in captures.read(captures.BLOG)}
    for event in PLAN.stream():
        made = json.loads(json.loads(maker.body(event))["oslo.message"])
        real = captured[event.event_type]
        assert list(made) == list(real.message())
        assert made["payload"].keys() == real.message()["payload"].keys()
        if event.host >= 0:
            assert abs(len(maker.body(event)) - len(real.body)) < 20


def test_no_two_messages_share_an_id() -> None:
    events = list(PLAN.stream())
    assert len({event.message_id for event in events}) == len(events)
    assert len({event.unique_id for event in events}) == len(events)


def test_unwanted_message_is_forwarded_by_nobody() -> None:
    decoder = Decoder("cloud00", [Route("t", ("aggregate.cache_images.*",))])
    maker = Maker(PLAN)
    report = next(event for event in PLAN.stream() if event.host >= 0)
    assert decoder.decode(maker.body(report)) is not None
    assert decoder.decode(maker.unwanted_body(report)) is None


def test_open_operations_get_their_ends_later() -> None:
    plan = Plan(clouds=2, operations=2, hosts=3, ended=False)
    begun = {event.operation for event in plan.stream() if event.event_type == START}
    assert not [event for event in plan.stream() if event.event_type == END]
    assert {event.operation for event in plan.ends()} == begun
    assert len(list(plan.ends())) == plan.all_operations


def test_plans_with_other_numbers_share_no_operation() -> None:
    first = {event.operation for event in PLAN.stream()}
    second = {event.operation for event in Plan(clouds=2, operations=3, hosts=20, first=3).stream()}
    assert not first & second
