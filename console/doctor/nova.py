"""Looks at whether Nova sends anything: by what the bridges wrote to ``nova.notifications``."""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Message

from console.cli.configs import KafkaSettings
from console.cli.topic_reader import CannotReadError, TopicReader, backwards
from console.doctor.findings import Check, Finding, warn
from console.doctor.last_events import CloudEvents, cloud_of, finding, is_nova
from precache.contract.topics import BRIDGE_TYPE
from precache.runtime.deadline import Deadline

_CONNECT_S: Final = 8.0
# Reading ends before doctor's timeout does: what was not reached by then counts as unknown.
_READ_S: Final = 8.0
_QUIET_S: Final = 4.0
_MS_PER_S: Final = 1_000
_BRIDGE: Final = BRIDGE_TYPE.encode()


def check(settings: KafkaSettings, nova_topics: Mapping[str, str] | None = None) -> Check:
    """Return the check.

    Args:
        settings: how to reach Kafka.
        nova_topics: the clouds to look for, with the topic of Nova's that each reads; None: those that are there.
    """
    return Check("notifications", lambda: _look(settings, nova_topics))


def _look(settings: KafkaSettings, nova_topics: Mapping[str, str] | None) -> list[Finding]:
    clouds = {name: CloudEvents() for name in nova_topics or ()}
    reader = TopicReader(settings, "precache-doctor", lambda _text: None)
    topic = settings.topics.notifications
    try:
        spans = reader.spans(topic, Deadline.after(_CONNECT_S))
        until = Deadline.after(_READ_S)
        for span in spans:
            for part in backwards(span):
                if until.passed or _read(reader.read_span(topic, part, _QUIET_S), clouds, nova_topics):
                    break
    except CannotReadError as error:
        return [
            warn("notifications", f"can't be read: {error}", "grant Read on the topic, to see when Nova sent something")
        ]
    finally:
        reader.close()
    if not clouds:
        return [warn("notifications", f"no bridge has written to {topic} yet", "start `precache bridge`")]
    now_ms = time.time_ns() // 1_000_000
    topics = nova_topics or {}
    return [finding(name, cloud, now_ms, topics.get(name, "")) for name, cloud in sorted(clouds.items())]


def _read(messages: Iterable[Message], clouds: dict[str, CloudEvents], wanted: Mapping[str, str] | None) -> bool:
    """Take a part of a partition, the newest record first; return whether what stands before it adds nothing."""
    oldest_ms: int | None = None
    for message in reversed(list(messages)):
        oldest_ms = message.timestamp()[1]
        name = cloud_of(message.key())
        if wanted is None or name in wanted:
            _take(clouds.setdefault(name, CloudEvents()), message)
    return oldest_ms is not None and bool(clouds) and all(cloud.is_known(oldest_ms) for cloud in clouds.values())


def _take(cloud: CloudEvents, message: Message) -> None:
    kind = dict(message.headers() or []).get("ce_type")
    if kind == _BRIDGE:
        cloud.heartbeat(message.value(), message.timestamp()[1])
    elif is_nova(kind):
        cloud.notification(message.timestamp()[1])
