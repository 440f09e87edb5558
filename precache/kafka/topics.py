"""The topics: made as the contract says, and checked, with the command that fixes what is wrong."""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import sleep
from typing import Final

from confluent_kafka import KafkaError, KafkaException

# It is public by confluent-kafka's documentation, but its types do not export it.
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from precache.config.blocks import TopicsBlock
from precache.contract.topics import OPTIONAL_ROLES, ROLES, SPECS, Role, TopicSpec
from precache.kafka.bounded import answer
from precache.kafka.clients import Admin
from precache.kafka.durability import copy_settings, fitting_copies
from precache.kafka.errors import KafkaRetry
from precache.kafka.settings import TopicProblem, alter, explained, settings_of
from precache.runtime.deadline import Deadline

# A record may have 900 kB (precache.contract.topics), a dead letter 256 KiB; key and headers come on top. One that is
# larger than a batch may be travels in a batch of its own.
_MIN_BYTES: Final[Mapping[Role, int]] = {"progress": 1_000_000, "operations": 1_000_000, "deadletters": 400_000}
FORWARD_SETTINGS: Final[Mapping[str, str]] = {"cleanup.policy": "delete"}
_LOOK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class TopicOutcome:
    """What became of a topic that was to be made."""

    topic: str
    created: bool
    partitions: int

    def __str__(self) -> str:
        return f"{self.topic}: {'created' if self.created else 'is there already'}, {self.partitions} partitions"


def partition_counts(admin: Admin, names: Iterable[str], deadline: Deadline) -> dict[str, int]:
    """Return the number of partitions of those of the named topics that exist.

    Raises:
        KafkaRetry: Kafka cannot be reached before the deadline.
        KafkaCallError: Kafka refused; among others for missing rights.
    """
    wanted = set(names)
    try:
        # All topics: to ask for one by name would create it, where brokers create topics on their own.
        found = admin.client.list_topics(timeout=max(deadline.left(), 0.1)).topics
    except KafkaException as error:
        raise explained(admin, error, "look up the topics") from error
    return {name: len(found[name].partitions) for name in wanted if name in found and found[name].error is None}


def copies_for(admin: Admin, topics: TopicsBlock, deadline: Deadline) -> int:
    """Return how many copies of each partition to make: what the file says, else what fits the number of brokers.

    Raises:
        KafkaRetry: Kafka cannot be reached before the deadline.
        KafkaCallError: Kafka refused.
    """
    if topics.replication_factor is not None:
        return topics.replication_factor
    try:
        return fitting_copies(len(admin.client.list_topics(timeout=max(deadline.left(), 0.1)).brokers))
    except KafkaException as error:
        raise explained(admin, error, "count the brokers") from error


def create(
    admin: Admin,
    topics: TopicsBlock,
    deadline: Deadline,
    forward: Iterable[str] = (),
    roles: Sequence[Role] = ROLES,
) -> list[TopicOutcome]:
    """Create the topics that are not there; those that are, are left as they are.

    Args:
        admin: from :func:`precache.kafka.clients.admin`.
        topics: names, partitions, replication.
        deadline: for all of them.
        forward: further topics, for what a bridge forwards.
        roles: those that are needed.

    Raises:
        KafkaRetry: Kafka cannot be reached before the deadline.
        KafkaCallError: Kafka refused one.
    """
    settings: dict[str, Mapping[str, str]] = {topics.name(role): SPECS[role].settings for role in roles}
    counts = {topics.name(role): SPECS[role].partitions or topics.partitions for role in roles}
    for name in forward:
        settings.setdefault(name, FORWARD_SETTINGS)
    there = partition_counts(admin, settings, deadline)
    copies = copies_for(admin, topics, deadline)
    missing = [
        NewTopic(name, counts.get(name, topics.partitions), copies, config={**config, **copy_settings(copies)})
        for name, config in settings.items()
        if name not in there
    ]
    made = _create(admin, missing, deadline) if missing else frozenset()
    there = _all_there(admin, settings, deadline)
    return [TopicOutcome(name, name in made, there[name]) for name in settings]


def _all_there(admin: Admin, names: Collection[str], deadline: Deadline) -> dict[str, int]:
    """Return the partitions of all these topics; the broker says "made" some time before it shows a topic."""
    while True:
        there = partition_counts(admin, names, deadline)
        missing = sorted(set(names) - there.keys())
        if not missing:
            return there
        if deadline.passed:
            text = f"made, but not to be seen yet: {', '.join(missing)}: look again in a moment"
            raise KafkaRetry("create the topics", "UNKNOWN_TOPIC_OR_PART", text)
        sleep(min(_LOOK_AGAIN_S, deadline.left()))


def _create(admin: Admin, missing: list[NewTopic], deadline: Deadline) -> frozenset[str]:
    left = max(deadline.left(), 0.1)
    made = set()
    for name, future in admin.client.create_topics(missing, operation_timeout=left, request_timeout=left).items():
        try:
            answer(f"create topic {name}", left, future)
            made.add(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise explained(admin, error, f"create topic {name}") from error
    return frozenset(made)


def check(
    admin: Admin,
    topics: TopicsBlock,
    roles: Sequence[Role],
    deadline: Deadline,
    config_file: str = "FILE",
    *,
    report_hidden: bool = False,
) -> list[TopicProblem]:
    """Return what is wrong with the topics of these roles, and with the optional ones that are there.

    Args:
        admin: from :func:`precache.kafka.clients.admin`.
        topics: their names.
        roles: those that the caller needs.
        deadline: for the whole check.
        config_file: the configuration's name, for the commands.
        report_hidden: settings that this user may not see are a finding, and not a refusal that is raised.

    Raises:
        KafkaRetry: Kafka cannot be reached before the deadline.
        KafkaCallError: Kafka refused; among others for missing rights.
    """
    names = {role: topics.name(role) for role in (*roles, *OPTIONAL_ROLES)}
    counts = partition_counts(admin, names.values(), deadline)
    names = {role: name for role, name in names.items() if role in roles or name in counts}
    create_command = f"precache topics create --config {shlex.quote(str(config_file))}"
    errors = [
        TopicProblem(name, "does not exist, or this user may not see it", create_command)
        for name in names.values()
        if name not in counts
    ]
    settings, hidden = settings_of(admin, [name for name in names.values() if name in counts], deadline)
    if hidden and not report_hidden:
        raise next(iter(hidden.values()))
    errors += [_hidden(admin, name) for name in hidden]
    for role, name in names.items():
        if name in settings:
            errors += _setting_errors(admin.servers, SPECS[role], name, settings[name])
            errors += _size_errors(admin, role, name, settings[name])
            errors += _count_errors(SPECS[role], name, counts[name])
    return errors + _partition_errors(names, counts, create_command)


def _hidden(admin: Admin, name: str) -> TopicProblem:
    text = "its settings can't be seen with these rights: grant DescribeConfigs to see them"
    if not admin.principal:
        return TopicProblem(name, text, "kafka-acls.sh, for the user that this file names", is_hidden=True)
    words = ["kafka-acls.sh", "--bootstrap-server", admin.servers, "--add", "--allow-principal", admin.principal]
    command = shlex.join([*words, "--operation", "DescribeConfigs", "--topic", name])
    return TopicProblem(name, text, command, is_hidden=True)


def _setting_errors(servers: str, spec: TopicSpec, name: str, found: dict[str, str]) -> list[TopicProblem]:
    errors = []
    for setting in sorted(spec.required):
        needed = spec.settings[setting]
        if _as_set(found.get(setting, "")) != _as_set(needed):
            text = f"{setting} is {found.get(setting, 'unset')}, but has to be {needed}"
            errors.append(TopicProblem(name, text, alter(servers, name, setting, needed), setting=(setting, needed)))
    return errors


def _size_errors(admin: Admin, role: Role, name: str, found: dict[str, str]) -> list[TopicProblem]:
    """A broker judges batches: a topic that takes less than a batch of precache refuses it, good records and all."""
    needed = max(admin.max_batch_bytes, _MIN_BYTES.get(role, 0))
    most = int(found.get("max.message.bytes", needed))
    if most >= needed:
        return []
    text = f"max.message.bytes is {most}, but a batch of precache may have {needed} bytes, and would be refused whole"
    setting = ("max.message.bytes", str(needed))
    return [TopicProblem(name, text, alter(admin.servers, name, *setting), setting=setting)]


def _count_errors(spec: TopicSpec, name: str, count: int) -> list[TopicProblem]:
    if spec.partitions in {None, count}:
        return []
    text = f"has {count} partitions, but must have {spec.partitions}"
    return [TopicProblem(name, text, "delete the topic, or name another one in the topics block, then create it")]


def _as_set(value: str) -> set[str]:
    return {part.strip() for part in value.split(",")}


def _partition_errors(names: dict[Role, str], counts: dict[str, int], create_command: str) -> list[TopicProblem]:
    read, written = names.get("notifications", ""), names.get("operations", "")
    if read not in counts or written not in counts or counts[read] == counts[written]:
        return []
    text = (
        f"has {counts[written]} partitions, but {read} has {counts[read]}: a record of an operation stands on the "
        f"number of its input's partition, so both need the same number, for life"
    )
    command = f"name new topics in the topics block (and a new group.id, if there is data), then {create_command}"
    return [TopicProblem(written, text, command)]
