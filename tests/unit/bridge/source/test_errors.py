"""Every exception of the AMQP client has a meaning of precache."""

import inspect

import pytest
from pika import exceptions

from bridge.source.amqp.dial import DialError
from bridge.source.amqp.errors import QueuePlace, error_of
from bridge.source.amqp.frames import FrameError
from bridge.source.api import SourceError, SourceLost, SourceRefused, SourceWaiting

OWN = "'^precache-watch-.*$'"
PLACE = QueuePlace("nova", "/", "nova", "precache.info")
ALL = [kind for _, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, exceptions.AMQPError)]


def make(kind: type[Exception]) -> Exception:
    try:
        return kind()
    except TypeError:
        try:
            return kind(320, "CONNECTION_FORCED")
        except TypeError:
            return kind([])


@pytest.mark.parametrize("kind", ALL)
def test_every_exception_is_mapped(kind: type[Exception]) -> None:
    error = error_of(make(kind), PLACE)
    assert isinstance(error, SourceError)
    assert str(error)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            exceptions.ChannelClosedByBroker(404, "NOT_FOUND - no queue 'precache.info' in vhost '/'"),
            SourceWaiting,
            "queue 'precache.info'",
        ),
        (
            exceptions.ChannelClosedByBroker(404, "NOT_FOUND - no exchange 'nova' in vhost '/'"),
            SourceWaiting,
            "exchange 'nova'",
        ),
        (
            exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED - read access"),
            SourceRefused,
            "set_permissions -p / nova",
        ),
        (exceptions.ChannelClosedByBroker(405, "RESOURCE_LOCKED"), SourceRefused, "another connection"),
        (
            exceptions.ChannelClosedByBroker(
                406,
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'mine' in vhost '/': received the"
                " value 'quorum' of type 'longstr' but current is none",
            ),
            SourceRefused,
            "we ask for the value 'quorum' of type 'longstr' but it was made with none",
        ),
        (
            exceptions.ChannelClosedByBroker(406, "PRECONDITION_FAILED - delivery acknowledgement timed out"),
            SourceLost,
            "timed out",
        ),
        (exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED - shutdown"), SourceLost, "shutdown"),
        (exceptions.ConnectionClosedByBroker(403, "ACCESS_REFUSED"), SourceRefused, "credentials of user 'nova'"),
        (exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost"), SourceRefused, "no virtual host '/'"),
        # As pika words what it deduces: from RabbitMQ's own words, and from no more than an end.
        (exceptions.ProbableAuthenticationError("ConnectionClosedByBroker: (403)"), SourceRefused, "credentials"),
        (exceptions.ProbableAuthenticationError("StreamLostError: (104)"), SourceLost, "starting"),
        (exceptions.ProbableAccessDeniedError("StreamLostError: (104)"), SourceLost, "starting"),
        (exceptions.IncompatibleProtocolError("StreamLostError: (104)"), SourceLost, "expects TLS"),
        (exceptions.AMQPHeartbeatTimeout("x"), SourceLost, "heartbeat"),
        (FrameError("no AMQP"), SourceLost, "no AMQP"),
        (DialError("refused"), SourceLost, "refused"),
        (OSError("odd"), SourceLost, "odd"),
    ],
)
def test_what_it_means(error: Exception, kind: type[SourceError], words: str) -> None:
    problem = error_of(error, PLACE)
    assert type(problem) is kind
    assert words in str(problem)
    assert problem.actionable == (kind is SourceRefused)


def test_a_command_can_be_pasted_whatever_the_names_hold() -> None:
    place = QueuePlace("o'brien; rm", "a b", "nova", "mine")
    closed = exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED")
    assert """set_permissions -p 'a b' 'o'"'"'brien; rm' '^$' '^$' '^mine$'""" in str(error_of(closed, place))


@pytest.mark.parametrize(
    ("place", "command"),
    [
        (PLACE, r"rabbitmqctl set_permissions -p / nova '^$' '^$' '^precache\.info$'"),
        (
            QueuePlace("my user", "a b", "nova", "mine.own", is_pool=True),
            r"rabbitmqctl set_permissions -p 'a b' 'my user' '^mine\.own$' '^mine\.own$' '^(mine\.own|nova)$'",
        ),
        (
            QueuePlace("nova", "/", "nova", "precache-watch-5f0d8a52", is_pool=True),
            f"rabbitmqctl set_permissions -p / nova {OWN} {OWN} '^(precache-watch-.*|nova)$'",
        ),
    ],
)
def test_a_remedy_has_the_rights_that_it_takes(place: QueuePlace, command: str) -> None:
    for error in (
        exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED"),
        exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost"),
    ):
        assert str(error_of(error, place)).endswith(f"(its rights in the virtual host are replaced), run: {command}")
