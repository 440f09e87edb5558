"""pika's exceptions become ours here, and nowhere else: each says to try again, to wait, or that somebody must act."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pika import exceptions

from bridge.source.amqp.dial import DialError
from bridge.source.amqp.frames import FrameError
from bridge.source.api import SourceError, SourceLost, SourceRefused, SourceWaiting

_ACCESS_REFUSED: Final = 403
_NOT_FOUND: Final = 404
_RESOURCE_LOCKED: Final = 405
_PRECONDITION_FAILED: Final = 406
_NOT_ALLOWED: Final = 530

# pika deduces these from the moment at which the connection ends. Where RabbitMQ said why, its words are in the text;
# where the stream was only lost, the reason may as well be a RabbitMQ that starts, or one behind a load balancer.
_DEDUCED: Final = (
    exceptions.IncompatibleProtocolError,
    exceptions.ProbableAuthenticationError,
    exceptions.ProbableAccessDeniedError,
)
_LOST: Final = exceptions.StreamLostError.__name__

_INEQUIVALENT: Final = re.compile(r"inequivalent arg '([^']+)' for (\w+) '([^']+)'.*?: (received .+)")

_SPECIAL: Final = re.compile(r"[.^$*+?()\[\]{}\\|]")


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """What is being read, for texts: the user, the virtual host, the exchange and the queue."""

    username: str
    virtual_host: str
    exchange: str
    queue: str
    is_pool: bool = False


def error_of(error: BaseException, place: QueuePlace) -> SourceError:
    """Return what an exception of the AMQP client means for the source."""
    if isinstance(error, exceptions.ChannelClosedByBroker):
        return _channel_closed(error.reply_code, error.reply_text, place)
    if isinstance(error, exceptions.ConnectionClosedByBroker):
        return _connection_closed(error.reply_code, error.reply_text, place)
    if isinstance(error, _DEDUCED) and _LOST in str(error):
        return _lost_at_the_door()
    for kinds, problem in _ERRORS:
        if isinstance(error, kinds):
            return problem(place)
    if isinstance(error, exceptions.AMQPError | FrameError | DialError):
        return SourceLost(str(error) or type(error).__name__)
    return SourceLost(f"{type(error).__name__}: {error}")


def _connection_closed(code: int, text: str, place: QueuePlace) -> SourceError:
    if code == _ACCESS_REFUSED:
        return _bad_credentials(place)
    if code == _NOT_ALLOWED:
        return _no_virtual_host(place)
    return SourceLost(f"RabbitMQ closed the connection: {code} {text}")


def _bad_credentials(place: QueuePlace) -> SourceError:
    return SourceRefused(
        f"RabbitMQ refuses the credentials of user {place.username!r}",
        "correct transport_url (a ${VARIABLE} in it holds the password as it is, not percent-encoded)",
    )


def _no_virtual_host(place: QueuePlace) -> SourceError:
    return SourceRefused(
        f"there is no virtual host {place.virtual_host!r}, or user {place.username!r} has no permissions in it",
        f"correct transport_url, or {_grant(place)}",
    )


def _channel_closed(code: int, text: str, place: QueuePlace) -> SourceError:
    if code == _NOT_FOUND:
        return _missing(text, place)
    if code == _ACCESS_REFUSED:
        return SourceRefused(
            f"user {place.username!r} may not do that in virtual host {place.virtual_host!r} ({text})", _grant(place)
        )
    if code == _RESOURCE_LOCKED:
        return SourceRefused(f"queue {place.queue!r} belongs to another connection alone ({text})")
    if code == _PRECONDITION_FAILED:
        return _mismatch(text, place) or SourceLost(f"RabbitMQ closed the channel: {text}")
    return SourceLost(f"RabbitMQ closed the channel: {code} {text}")


def _grant(place: QueuePlace) -> str:
    """Return the command that gives a user the rights that this takes, and no others (docs/operations.md)."""
    own = "precache-watch-.*" if place.queue.startswith("precache-watch-") else _literal(place.queue)
    makes, reads = (f"^{own}$", f"^({own}|{_literal(place.exchange)})$") if place.is_pool else ("^$", f"^{own}$")
    words = ["rabbitmqctl", "set_permissions", "-p", place.virtual_host, place.username, makes, makes, reads]
    return (
        "if precache is the only one to use this user (its rights in the virtual host are replaced), run: "
        f"{shlex.join(words)}"
    )


def _literal(name: str) -> str:
    """Return a name as a pattern that matches it alone."""
    return _SPECIAL.sub(r"\\\g<0>", name)


def _missing(text: str, place: QueuePlace) -> SourceError:
    what, name = ("exchange", place.exchange) if "no exchange" in text else ("queue", place.queue)
    return SourceWaiting(
        f"{what} {name!r} does not exist in virtual host {place.virtual_host!r}",
        "Nova declares it with its first notification; is notification_format versioned or both, and the topic in"
        " versioned_notifications_topics?",
    )


def _mismatch(text: str, place: QueuePlace) -> SourceError | None:
    found = _INEQUIVALENT.search(text)
    if found is None:
        return None
    argument, kind, name, values = found.groups()
    values = values.replace("received", "we ask for").replace("but current is", "but it was made with")
    return SourceRefused(
        f"{kind} {name!r} in virtual host {place.virtual_host!r} exists already, declared otherwise ({argument}:"
        f" {values})",
        "set amqp_durable_queues and rabbit_quorum_queue in oslo_messaging_rabbit to what it was made with,"
        " or choose another name for the pool, or remove it (its messages go too):"
        f" rabbitmqctl -p {shlex.quote(place.virtual_host)} delete_queue {shlex.quote(name)}",
    )


def _wrong_protocol(_place: QueuePlace) -> SourceError:
    return SourceRefused(
        "what answers there does not speak AMQP 0-9-1, or expects TLS (ssl: true)",
        "correct transport_url or the options",
    )


def _lost_at_the_door() -> SourceError:
    return SourceLost(
        "the other end closed the connection before it let us in: RabbitMQ is starting or stopping; if that stays so,"
        " it expects TLS (ssl: true), or no RabbitMQ answers there"
    )


def _no_heartbeat(_place: QueuePlace) -> SourceError:
    return SourceLost("no heartbeat from RabbitMQ")


_ERRORS: Final[tuple[tuple[tuple[type[Exception], ...], Callable[[QueuePlace], SourceError]], ...]] = (
    ((exceptions.ProbableAuthenticationError, exceptions.AuthenticationError), _bad_credentials),
    ((exceptions.ProbableAccessDeniedError,), _no_virtual_host),
    ((exceptions.IncompatibleProtocolError,), _wrong_protocol),
    ((exceptions.AMQPHeartbeatTimeout,), _no_heartbeat),
)
