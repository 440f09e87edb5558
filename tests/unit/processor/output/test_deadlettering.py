"""Dead letters of the processor: no credentials in them, and one that is made again is the same event."""

import orjson
from msgspec import structs

from processor.core.effects import Effects, Refused
from processor.core.partition import Partition
from processor.core.settings import Timers
from processor.output.dead_letters import of_record, of_row
from processor.stores.api import RefusedRow
from tests.support.events import Source

NOVA = Source()


def refused(value: bytes, offset: int = 7) -> Refused:
    out = Effects()
    Partition(Timers()).apply(1_000, offset, b"paris/x", value, out)
    (one,) = out.refused
    return one


def test_credentials_in_a_record_are_masked() -> None:
    context = {"auth_token": "gAAAAABsecret", "service_catalog": [{"secret": "s3cret"}], "request_id": "r"}
    body = orjson.dumps(NOVA.start(["a"]).body | {"context": context, "payload": {"password": "pa55"}})
    letter = of_record(refused(body), "nova.notifications", 0)
    everything = letter.value() + repr(letter.headers()).encode()
    for secret in (b"gAAAAABsecret", b"s3cret", b"pa55"):
        assert secret in body
        assert secret not in everything
    assert orjson.loads(letter.value())["context"]["request_id"] == "r", "and nothing else is"


def test_credentials_that_the_detail_would_show_are_masked() -> None:
    letter = of_record(refused(orjson.dumps({"event_type": {"token": "t0ken"}})), "nova.notifications", 0)
    assert "event_type: expected `str`" in letter.detail
    assert "t0ken" not in letter.detail


def test_credentials_in_a_refused_row_are_masked() -> None:
    out = Effects()
    event = Source(name='{"password": "pa55"}').report("a")
    Partition(Timers()).apply(1_000, 0, event.key, event.value, out)
    row = out.points[0]
    for letter in (
        of_row(RefusedRow(0, row, 'no: "token": "t0ken"'), "t/0/0", 0),
        of_row(RefusedRow(0, row, "no"), "t/0/0", 0, body=event.value),
    ):
        assert b"pa55" not in letter.value()
        assert "t0ken" not in letter.detail


def test_what_is_refused_again_is_the_same_event() -> None:
    def identity(value: bytes, offset: int, topic: str = "a") -> bytes:
        return dict(of_record(refused(value, offset), topic, 0).headers())["ce_id"]

    assert identity(b"{", 7) == identity(b"{", 7)
    assert len({identity(b"{", 7), identity(b"{", 8), identity(b"{", 7, "b")}) == 3


def test_rows_of_one_record_are_events_of_their_own() -> None:
    out = Effects()
    event = NOVA.report("a")
    Partition(Timers()).apply(1_000, 0, event.key, event.value, out)
    row = out.points[0]
    letters = [
        of_row(RefusedRow(0, each, "no"), "t/0/0", at_ms, sequence=sequence)
        for each, at_ms, sequence in ((row, 1, 1), (row, 2, 1), (row, 1, 2), (structs.replace(row, time_ns=5), 1, 1))
    ]
    assert [letter.identity == letters[0].identity for letter in letters] == [True, True, False, False]
