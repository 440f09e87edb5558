"""The table of a record's states, row by row."""

from typing import get_args

import pytest

from bridge.decode.poison import Poison
from bridge.delivery.transitions import ENDED, TRANSITIONS, Event, PendingMessage, State
from bridge.source.api import Delivery


def pending(*topics: str) -> PendingMessage:
    return PendingMessage(Delivery(1, b"body", b""), topics, 10)


def test_each_state_has_its_events_and_a_final_one_has_none() -> None:
    answers = set(get_args(Event)) - {"due"}
    for state in get_args(State):
        expected = set() if state in ENDED else {"due"} if "waiting" in state else answers
        assert {event for known, event in TRANSITIONS if known == state} == expected, state


def test_only_a_confirmation_confirms() -> None:
    for (state, event), following in TRANSITIONS.items():
        assert (following == "confirmed") == (event == "confirmed"), state


def test_a_dead_letter_is_never_refused() -> None:
    assert not [state for (state, _), following in TRANSITIONS.items() if "letter" in state and following == "refused"]


def test_a_record_that_shared_a_batch_is_not_refused_by_an_answer_to_the_batch() -> None:
    refused_by = {state for (state, event), following in TRANSITIONS.items() if event == following == "refused"}
    assert refused_by == {"sent-unbatched"}


@pytest.mark.parametrize(
    ("events", "states"),
    [
        (["confirmed"], {}),
        (["failed"], {"a": "waiting"}),
        (["failed", "due", "confirmed"], {}),
        (["refused", "due"], {"a": "sent-unbatched"}),
        (["refused", "due", "failed", "due"], {"a": "sent-unbatched"}),
        (["refused", "due", "refused"], {}),
        (["invalid"], {}),
    ],
)
def test_a_record_goes_through_the_table_until_its_final_answer(events: list[Event], states: dict[str, State]) -> None:
    message = pending("a")
    for event in events:
        message.apply("a", event)
    assert message.states == states


def test_each_topic_has_its_own_state() -> None:
    message = pending("a", "b")
    message.apply("a", "failed")
    assert message.states == {"a": "waiting", "b": "sent"}
    message.dead_letter("dead", Poison("refused", "why"), "letter-waiting")
    message.apply("b", "invalid")
    assert message.states == {"a": "waiting", "dead": "letter-waiting"}


def test_a_second_final_answer_is_an_error() -> None:
    message = pending("a")
    message.apply("a", "confirmed")
    with pytest.raises(KeyError):
        message.apply("a", "confirmed")


def test_a_message_counts_as_its_body_or_as_its_record_where_that_is_larger() -> None:
    assert pending("a").size == 10
    assert PendingMessage(Delivery(1, b"body" * 10, b""), ("a",), 10).size == 40
