"""Looks at Kafka: reachable, the topics and their settings; and how far a processor's group has come."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from console.configs import KafkaSettings
from console.doctor.findings import Check, Finding, fail, ok, warn
from console.kafka_log import CannotReadError, LogReader
from precache.contract.topics import Role
from precache.service.config import KafkaBlock, TopicsBlock
from precache.service.deadline import Deadline
from precache.service.kafka import clients, topics
from precache.service.kafka.clients import Admin
from precache.service.kafka.errors import KafkaFault, translate

_TIMEOUT_S: Final = 12.0
_KAFKA_REMEDY: Final = "check the block `kafka:`, the network, and the broker's log"
# So many records behind is worth a look; a burst of one large aggregate is less.
_FAR_BEHIND: Final = 50_000


def check(
    kafka: KafkaBlock, block: TopicsBlock, roles: Sequence[Role], config_file: str, forward: Sequence[str] = ()
) -> Check:
    """Return the check of Kafka and of the topics of some roles."""
    return Check(f"Kafka {kafka.servers}", lambda: _look(kafka, block, roles, config_file, forward))


def check_group(settings: KafkaSettings, group: str) -> Check:
    """Return the check of a processor's consumer group."""
    return Check(f"group {group}", lambda: _look_at_group(settings, group))


def _look(
    kafka: KafkaBlock, block: TopicsBlock, roles: Sequence[Role], config_file: str, forward: Sequence[str]
) -> list[Finding]:
    what = f"Kafka {kafka.servers}"
    deadline = Deadline.after(_TIMEOUT_S)
    try:
        admin = clients.admin(kafka, "precache-doctor")
        names = [*(block.name(role) for role in roles), *forward]
        counts = topics.partition_counts(admin, names, deadline)
        faults = topics.check(admin, block, roles, deadline, config_file, tell_hidden=True)
    except KafkaFault as error:
        return [fail(what, str(error), _KAFKA_REMEDY)]
    findings = [ok(what, "reachable")]
    for name in names:
        own = [fault for fault in faults if fault.topic == name]
        findings += [_of_fault(fault, counts) for fault in own]
        if name not in counts and not own:
            findings.append(
                fail(f"topic {name}", "does not exist", f"precache topics create --config {shlex.quote(config_file)}")
            )
        elif not own:
            # Nothing is asked of the settings of topics that others read.
            settings = "" if name in forward else ", settings as they have to be"
            findings.append(ok(f"topic {name}", f"{counts[name]} partitions{settings}"))
    return findings


def _of_fault(fault: topics.TopicFault, counts: Mapping[str, int]) -> Finding:
    what = f"topic {fault.topic}"
    if fault.is_hidden:
        return warn(what, f"{counts[fault.topic]} partitions; {fault.text}", fault.command)
    return fail(what, fault.text, fault.command)


def _look_at_group(settings: KafkaSettings, group: str) -> list[Finding]:
    what = f"group {group}"
    try:
        admin = clients.admin(settings.kafka, "precache-doctor")
        members = _members(admin, group)
        behind = _behind(admin, settings, group)
    except CannotReadError as error:
        return [fail(what, "can't be told", str(error))]
    except KafkaFault as error:
        return [fail(what, str(error), _KAFKA_REMEDY)]
    except KafkaException as error:
        return [fail(what, str(translate(error)), _KAFKA_REMEDY)]
    if not members:
        return [warn(what, f"no processor runs; {_told(behind)}", "start `precache processor`, or see its log")]
    text = f"{members} processors; {_told(behind)}"
    if behind is not None and behind >= _FAR_BEHIND:
        return [warn(what, text, "the processor does not keep up: see its log and /metrics; is the store slow?")]
    return [ok(what, text)]


def _told(behind: int | None) -> str:
    return "nothing is committed yet" if behind is None else f"{behind} records behind"


def _members(admin: Admin, group: str) -> int:
    described = admin.client.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)[group].result()
    return len(described.members)


def _behind(admin: Admin, settings: KafkaSettings, group: str) -> int | None:
    """Return how many records are not processed yet; None when the group has committed nothing."""
    reader = LogReader(settings, "precache-doctor", lambda _text: None)
    try:
        spans = reader.spans(settings.topics.notifications, Deadline.after(_TIMEOUT_S))
    finally:
        reader.close()
    places = [TopicPartition(settings.topics.notifications, span.partition) for span in spans]
    asked = ConsumerGroupTopicPartitions(group, places)
    listed = admin.client.list_consumer_group_offsets([asked], request_timeout=_TIMEOUT_S)[group].result()
    committed = {place.partition: place.offset for place in listed.topic_partitions if place.offset >= 0}
    if not committed:
        return None
    # A partition without a commit is read from its start.
    begun = {span.partition: int(committed.get(span.partition, span.low)) for span in spans}
    return sum(max(0, span.high - begun[span.partition]) for span in spans)
