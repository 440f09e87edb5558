"""Whether the topics keep what was written: copies, the copies that a write waits for, and how long records stay."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException

from precache.config.blocks import TopicsBlock
from precache.contract.topics import SPECS, Role
from precache.kafka.clients import Admin
from precache.kafka.settings import TopicProblem, alter, explained, settings_of
from precache.runtime.deadline import Deadline

# Kafka's own recommendation: one copy may be lost while another one is away.
_COPIES: Final = 3
_DAY_S: Final = 86_400.0
# The default of `operations.abandon_after`, where that is not known.
ABANDON_AFTER_S: Final = 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the copies of a topic's partitions are: broker ids by partition, the leader first."""

    brokers: Collection[int]
    replicas: Mapping[int, Sequence[int]]

    @property
    def copies(self) -> int:
        """Return the number of copies of the partition that has the fewest."""
        return min(map(len, self.replicas.values()), default=0)


def fitting_copies(brokers: int) -> int:
    """Return how many copies to make where there are that many brokers."""
    return max(1, min(_COPIES, brokers))


def copy_settings(copies: int) -> dict[str, str]:
    """Return the settings that go with a number of copies: with three, two must have a record before it counts."""
    return {"min.insync.replicas": "2"} if copies >= _COPIES else {}


def check(
    admin: Admin, topics: TopicsBlock, roles: Sequence[Role], deadline: Deadline, abandon_after_s: float
) -> list[TopicProblem]:
    """Return what may lose records in the topics of these roles; those that are missing or hidden are passed over.

    Args:
        admin: from :func:`precache.kafka.clients.admin`.
        topics: their names.
        roles: those that the caller needs.
        deadline: for the whole check.
        abandon_after_s: the processor's ``operations.abandon_after``: for that long an operation may need its log.

    Raises:
        KafkaRetry: Kafka cannot be reached before the deadline.
        KafkaCallError: Kafka refused.
    """
    names = {topics.name(role): role for role in roles}
    layouts = _layouts(admin, names, deadline)
    settings, _ = settings_of(admin, list(layouts), deadline)
    return [
        error
        for name, layout in layouts.items()
        for error in [
            *_copy_errors(admin.servers, name, layout),
            *_insync_errors(admin.servers, name, layout, settings.get(name, {})),
            *_retention_errors(admin.servers, names[name], name, settings.get(name, {}), abandon_after_s),
        ]
    ]


def _layouts(admin: Admin, names: Collection[str], deadline: Deadline) -> dict[str, Layout]:
    try:
        found = admin.client.list_topics(timeout=max(deadline.left(), 0.1))
    except KafkaException as error:
        raise explained(admin, error, "look up the topics") from error
    return {
        name: Layout(found.brokers.keys(), {number: _leader_first(p) for number, p in topic.partitions.items()})
        for name in names
        if (topic := found.topics.get(name)) is not None and topic.error is None
    }


def _leader_first(partition: Any) -> list[int]:
    return sorted(partition.replicas, key=lambda broker: broker != partition.leader)


def _copy_errors(servers: str, name: str, layout: Layout) -> list[TopicProblem]:
    if layout.copies != 1 or len(layout.brokers) == 1:
        return []
    text = (
        f"has one copy, on {len(layout.brokers)} brokers: while its broker is away nothing is read or written, and "
        f"what that broker loses is lost; {fitting_copies(len(layout.brokers))} copies are better"
    )
    return [TopicProblem(name, text, reassignment(servers, name, layout), is_warning=True)]


def reassignment(servers: str, name: str, layout: Layout) -> str:
    """Return the command that gives a topic more copies, beside those that it has. For bash."""
    plan = {
        "version": 1,
        "partitions": [
            {"topic": name, "partition": number, "replicas": _more_copies(number, has, sorted(layout.brokers))}
            for number, has in sorted(layout.replicas.items())
        ],
    }
    text = json.dumps(plan, separators=(",", ":"))
    return (
        f"kafka-reassign-partitions.sh --bootstrap-server {servers} --execute --reassignment-json-file <(echo '{text}')"
    )


def _more_copies(number: int, has: Sequence[int], brokers: Sequence[int]) -> list[int]:
    """Return the brokers for a partition: its own, then others, not the same ones for every partition."""
    start = number % len(brokers)
    others = [broker for broker in [*brokers[start:], *brokers[:start]] if broker not in has]
    return [*has, *others][: max(len(has), fitting_copies(len(brokers)))]


def _insync_errors(servers: str, name: str, layout: Layout, settings: Mapping[str, str]) -> list[TopicProblem]:
    copies, least = layout.copies, int(settings.get("min.insync.replicas", 0))
    if not least or not copies:
        return []
    key = "min.insync.replicas"
    if least > copies:
        text = f"{key} is {least}, but there is no more than {copies}: Kafka takes no record"
        return [_settable(servers, name, text, key, str(max(1, copies - 1)), is_warning=False)]
    if copies < _COPIES or 1 < least < copies:
        return []
    why = "a record counts as written when one broker has it" if least == 1 else "one broker away stops all writing"
    return [_settable(servers, name, f"{key} is {least} of {copies} copies: {why}", key, "2")]


def _retention_errors(
    servers: str, role: Role, name: str, settings: Mapping[str, str], abandon_after_s: float
) -> list[TopicProblem]:
    errors = []
    key = "retention.ms"
    kept_ms, needed_ms = int(settings.get(key, -1)), round((abandon_after_s + _DAY_S) * 1_000)
    if 0 <= kept_ms < needed_ms:
        text = (
            f"{key} is {kept_ms}, but should be at least {needed_ms}, operations.abandon_after and a day: what is "
            "deleted while somebody still needs it is lost"
        )
        default_ms = int(SPECS[role].settings[key])
        errors.append(_settable(servers, name, text, key, str(max(default_ms, needed_ms))))
    kept_bytes = int(settings.get("retention.bytes", -1))
    if kept_bytes >= 0:
        text = f"retention.bytes is {kept_bytes}: records may be deleted before {key} says so"
        # Not set by us: it may be there to save the disk.
        command = alter(servers, name, "retention.bytes", "-1")
        errors.append(TopicProblem(name, text, command, is_warning=True))
    return errors


def _settable(servers: str, name: str, text: str, key: str, value: str, *, is_warning: bool = True) -> TopicProblem:
    return TopicProblem(name, text, alter(servers, name, key, value), is_warning=is_warning, setting=(key, value))
