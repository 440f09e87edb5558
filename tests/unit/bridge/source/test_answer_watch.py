"""A RabbitMQ that is quiet is asked; one that does not answer is reported, and once it says anything it is well."""

from typing import Any
from unittest.mock import create_autospec

import pytest
from pika.channel import Channel

from bridge.source.amqp.answer_watch import AnswerWatch
from bridge.source.amqp.connection import PulledConnection


class Line:
    """A connection, and when something came on it last."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.heard_s = 1_000.0
        self.channel: Any = create_autospec(Channel, instance=True)
        self.channel.is_open = True
        connection: Any = create_autospec(PulledConnection, instance=True)
        type(connection).silent_s = property(lambda _: self.now_s - self.heard_s)
        self.watch = AnswerWatch(connection, self.channel, 100, lambda: self.now_s)

    def after(self, seconds: int) -> str:
        """Let seconds pass, with a tick in each; return what is wrong then."""
        for _ in range(seconds):
            self.now_s += 1.0
            self.watch.tick()
        return self.watch.trouble

    @property
    def asked(self) -> int:
        count: int = self.channel.basic_qos.call_count
        return count


@pytest.fixture
def line() -> Line:
    return Line()


def test_who_is_quiet_is_asked_once_and_reported_when_nothing_comes(line: Line) -> None:
    assert (line.after(14), line.asked) == ("", 0)
    assert (line.after(1), line.asked) == ("", 1)
    assert (line.after(15), line.asked) == ("", 1)
    assert "has sent nothing for 30 s" in line.after(1)
    assert (line.after(40), line.asked) == (line.watch.trouble, 1)
    assert line.watch.trouble, "the same words at each time"


def test_who_answers_is_well_and_is_asked_again(line: Line) -> None:
    for asked in range(1, 4):
        assert (line.after(15), line.asked) == ("", asked)
        line.now_s += 0.5
        line.heard_s = line.now_s
    assert line.after(10) == ""


def test_whatever_comes_ends_the_trouble(line: Line) -> None:
    assert line.after(60)
    line.now_s += 1.0
    line.heard_s = line.now_s
    assert line.watch.trouble == ""


def test_nothing_is_asked_on_a_channel_that_is_closed(line: Line) -> None:
    line.channel.is_open = False
    assert (line.after(100), line.asked) == ("", 0)
