"""Looks for the reason when Nova has a request, and no operation began."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from console.start.outcome import START_WITHIN_S
from console.watch.show import lines
from precache.contract.topics import BRIDGE_TYPE, NOVA_TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Message

    from console.cli.configs import KafkaSettings
    from console.start.request import StartRequest
    from console.watch.show.screens import Manner

# A bridge writes a heartbeat each minute.
_HEARTBEAT_S: Final = 180.0
_READ_S: Final = 10.0
_MS_PER_S: Final = 1_000
_CLIENT_ID: Final = "precache-start"

_NOVA_CONF: Final = (
    "in nova.conf of nova-api and nova-conductor: [notifications] notification_format = versioned (or both), and "
    "[oslo_messaging_notifications] driver = messagingv2"
)


class Mute(Protocol):
    """Says why nothing began."""

    def reason(self, request: "StartRequest", manner: "Manner") -> str:
        """Return what is wrong and what to do, for a person."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaTrace:
    """What `nova.notifications` holds since a request was made.

    Attributes:
        start: a notification with its global request id is there.
        heartbeat_age_s: how old the cloud's last heartbeat is; None for none.
    """

    start: bool = False
    heartbeat_age_s: float | None = None


def explain(trace: KafkaTrace | None, *, accepted: bool, cloud: str) -> str:
    """Return why nothing began, and what to do.

    Args:
        trace: what Kafka holds; None when that is not known.
        accepted: Nova answered 202.
        cloud: the cloud's name in `bridge.yaml`; ``""`` when it is not known.
    """
    name = f"cloud {cloud}" if cloud else "any cloud"
    if trace is None:
        return "Kafka does not show why. `precache doctor --config FILE` looks at bridge and processor"
    if trace.start:
        return "Its notification is in Kafka: the processor is behind, or does not run. See its log and its /readyz"
    if trace.heartbeat_age_s is None or trace.heartbeat_age_s > _HEARTBEAT_S:
        last = "" if trace.heartbeat_age_s is None else f" for {lines.duration(trace.heartbeat_age_s)}"
        return f"Kafka has no heartbeat of a bridge for {name}{last}. Start `precache bridge`, or see its log"
    if accepted:
        return f"The bridge of {name} lives: Nova is mute, or sends elsewhere. Look {_NOVA_CONF}"
    return f"The bridge of {name} lives: most likely Nova does not have it. Look for the id in the log of nova-api"


def with_advice(cause: str, request: "StartRequest", manner: "Manner") -> str:
    """Return the whole text: what is known, the cause, and how to follow the operation should it begin after all."""
    accepted = request.error is None
    what = "Nova took the request, but" if accepted else "it is unknown whether Nova has the request:"
    how = lines.go_on(manner.resume, request.global_request_id)
    return f"{what} no notification of it came in time. {cause}. Should it begin all the same, follow it with: {how}"


def received_in(messages: "Iterable[Message]", cloud: str, global_request_id: str, now_ms: int) -> KafkaTrace:
    """Return what messages of `nova.notifications` show.

    Args:
        messages: since some minutes before the request.
        cloud: whose heartbeats count; ``""``: any.
        global_request_id: the request's.
        now_ms: milliseconds since the epoch.
    """
    needle, start, latest_ms = global_request_id.encode(), False, None
    for message in messages:
        kind = dict(message.headers() or []).get("ce_type")
        name = kind.decode(errors="replace") if isinstance(kind, bytes) else ""
        key = (message.key() or b"").decode(errors="replace") if not isinstance(message.key(), str) else ""
        if name.startswith(NOVA_TYPE_PREFIX):
            start = start or needle in (message.value() or b"")
        elif name == BRIDGE_TYPE and cloud in {"", key}:
            latest_ms = max(latest_ms or 0, message.timestamp()[1])
    return KafkaTrace(start, None if latest_ms is None else max(0.0, (now_ms - latest_ms) / _MS_PER_S))


class Unheard:
    """Nothing listens to notifications: what became of a request can't be seen from here."""

    def reason(self, request: "StartRequest", manner: "Manner") -> str:
        """Return where to look."""
        how = lines.go_on(manner.resume, request.global_request_id)
        return (
            "it is unknown whether Nova has the request, and without --config, --kafka or --transport-url nothing"
            f" listens to its notifications. Look for its id in the log of nova-api, or follow it with: {how}"
        )


class MuteInKafka:
    """Reads `nova.notifications`.

    Args:
        settings: how to reach Kafka.
    """

    def __init__(self, settings: "KafkaSettings") -> None:
        self._settings = settings

    def reason(self, request: "StartRequest", manner: "Manner") -> str:
        """Return what is wrong and what to do, for a person."""
        cause = explain(self._received(request), accepted=request.error is None, cloud=request.wish.cloud)
        return with_advice(cause, request, manner)

    def _received(self, request: "StartRequest") -> KafkaTrace | None:
        from confluent_kafka import TopicPartition

        from console.cli.topic_reader import CannotReadError, TopicReader
        from precache.runtime.deadline import Deadline

        topic = self._settings.topics.notifications
        reader = TopicReader(self._settings, _CLIENT_ID, lambda _text: None)
        now_ms = time.time_ns() // 1_000_000
        since_ms = now_ms - round((_HEARTBEAT_S + 2 * START_WITHIN_S) * _MS_PER_S)
        try:
            deadline = Deadline.after(_READ_S)
            spans = reader.since(topic, reader.spans(topic, deadline), since_ms, deadline)
            places = [TopicPartition(topic, span.partition, span.low) for span in spans if span.low < span.high]
            messages = reader.read(places, _READ_S) if places else []
            return received_in(messages, request.wish.cloud, request.global_request_id, now_ms)
        except CannotReadError:
            return None
        finally:
            reader.close()


class MuteOnRabbit:
    """Has only the cloud's RabbitMQ, or nothing at all."""

    def reason(self, request: "StartRequest", manner: "Manner") -> str:
        """Return what is wrong and what to do, for a person."""
        return with_advice(f"Look {_NOVA_CONF}", request, manner)
