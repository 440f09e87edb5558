"""Looks at Kafka: reachable, the topics and their settings, and whether they keep what was written."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from console.doctor.findings import Check, Finding, fail, ok, warn
from precache.config import TopicsBlock
from precache.contract.topics import Role
from precache.kafka import clients, durability, topics
from precache.kafka.config import KafkaBlock
from precache.kafka.errors import KafkaCallError
from precache.kafka.settings import TopicProblem
from precache.runtime.deadline import Deadline

TIMEOUT_S: Final = 12.0
KAFKA_REMEDY: Final = "check the block `kafka:`, the network, and the broker's log"


def check(
    kafka: KafkaBlock,
    block: TopicsBlock,
    roles: Sequence[Role],
    config_file: str,
    forward: Sequence[str] = (),
    *,
    abandon_after_s: float = durability.ABANDON_AFTER_S,
) -> Check:
    """Return the check of Kafka and of the topics of some roles."""
    return Check(
        f"Kafka {kafka.servers}",
        lambda: _look(kafka, block, roles, config_file, forward, abandon_after_s=abandon_after_s),
    )


def _look(
    kafka: KafkaBlock,
    block: TopicsBlock,
    roles: Sequence[Role],
    config_file: str,
    forward: Sequence[str],
    *,
    abandon_after_s: float,
) -> list[Finding]:
    what = f"Kafka {kafka.servers}"
    deadline = Deadline.after(TIMEOUT_S)
    names = [*(block.name(role) for role in roles), *forward]
    try:
        admin = clients.admin(kafka, "precache-doctor")
        counts = topics.partition_counts(admin, names, deadline)
        errors = topics.check(admin, block, roles, deadline, config_file, report_hidden=True)
        errors += durability.check(admin, block, roles, deadline, abandon_after_s)
    except KafkaCallError as error:
        return [fail(what, str(error), KAFKA_REMEDY)]
    findings = [ok(what, "reachable")]
    for name in names:
        own = [problem for problem in errors if problem.topic == name]
        findings += [_of_error(problem, counts) for problem in own]
        if name not in counts and not own:
            findings.append(
                fail(f"topic {name}", "does not exist", f"precache topics create --config {shlex.quote(config_file)}")
            )
        elif not own:
            # Nothing is asked of the settings of topics that others read.
            settings = "" if name in forward else ", settings as they have to be"
            findings.append(ok(f"topic {name}", f"{counts[name]} partitions{settings}"))
    return findings


def _of_error(error: TopicProblem, counts: Mapping[str, int]) -> Finding:
    what = f"topic {error.topic}"
    if error.is_hidden:
        return warn(what, f"{counts[error.topic]} partitions; {error.text}", error.command)
    return (warn if error.is_warning else fail)(what, error.text, error.command)
