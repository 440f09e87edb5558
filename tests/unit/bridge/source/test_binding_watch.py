"""What is said when the look at a pool's binding fails."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from pika.exceptions import ChannelClosedByBroker, ChannelClosedByClient

from bridge.source.amqp import binding_watch

if TYPE_CHECKING:
    from bridge.source.amqp.connection import PulledConnection


class FakeConnection:
    """Gives out a channel that ends as it is reported."""

    is_open = True

    def __init__(self) -> None:
        self.end: Callable[[Any, Exception], None] = lambda *_: None

    def channel(self, *, on_open_callback: Any) -> "FakeConnection":
        del on_open_callback
        return self

    def add_on_close_callback(self, callback: Callable[[Any, Exception], None]) -> None:
        self.end = callback


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (ChannelClosedByBroker(404, "NOT_FOUND - no exchange 'nova'"), "exchange 'nova' is gone"),
        (
            ChannelClosedByBroker(403, "ACCESS_REFUSED - write access refused"),
            "403 ACCESS_REFUSED - write access refused",
        ),
        (ChannelClosedByClient(0, "Normal shutdown"), ""),
    ],
)
def test_what_a_failed_look_says(reason: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding_watch, "LOOK_EVERY_S", 0.0)
    connection = FakeConnection()
    watch = binding_watch.BindingWatch(
        cast("PulledConnection", connection), "nova", "pool", "versioned_notifications.info"
    )
    watch.tick()
    connection.end(connection, reason)
    assert words in watch.trouble
    assert bool(watch.trouble) == bool(words)
    assert ("is gone" in watch.trouble) == ("is gone" in words)
