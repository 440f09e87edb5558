"""Looks at a processor's consumer group: who is in it, and how far it has come."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaException

from console.cli.configs import KafkaSettings
from console.cli.topic_reader import CannotReadError, TopicReader
from console.doctor.findings import Check, Finding, fail, ok, warn
from console.doctor.kafka import KAFKA_REMEDY, TIMEOUT_S
from precache.kafka import clients
from precache.kafka.bounded import answer
from precache.kafka.clients import Admin
from precache.kafka.errors import KafkaCallError, KafkaRetry, translate
from precache.kafka.groups import GroupCommits
from precache.runtime.deadline import Deadline

# This many records behind are worth a look; a burst of one large aggregate is less.
_FAR_BEHIND: Final = 50_000
_PAUSE_S: Final = 0.3


def check(settings: KafkaSettings, group: str) -> Check:
    """Return the check of a processor's consumer group."""
    return Check(f"group {group}", lambda: _look(settings, group))


def _look(settings: KafkaSettings, group: str) -> list[Finding]:
    what = f"group {group}"
    deadline = Deadline.after(TIMEOUT_S)
    try:
        admin = clients.admin(settings.kafka, "precache-doctor")
        members = _patiently(lambda: _members(admin, group), deadline)
        behind = _patiently(lambda: _behind(settings, group, deadline), deadline)
    except CannotReadError as error:
        return [fail(what, "can't be looked at", str(error))]
    except KafkaCallError as error:
        return [fail(what, str(error), KAFKA_REMEDY)]
    return [*_twins(what, group, members), _progress(what, len(members), behind)]


def _progress(what: str, members: int, behind: int | None) -> Finding:
    place = "nothing is committed yet" if behind is None else f"{behind} records behind"
    if not members:
        return warn(what, f"no processor runs; {place}", "start `precache processor`, or see its log")
    text = f"{members} processors; {place}"
    if behind is not None and behind >= _FAR_BEHIND:
        return warn(what, text, "the processor does not keep up: see its log and /metrics; is the store slow?")
    return ok(what, text)


def _twins(what: str, group: str, members: Sequence[str]) -> list[Finding]:
    """Return a finding for each name that two members have: a processor's is made of group and instance."""
    return [
        fail(
            f"{what}, instance {name.removeprefix(f'{group}-')}",
            f"{count} processors have this instance: each fences the transactions of the other",
            "give each processor an `instance` of its own, and start it again",
        )
        for name, count in sorted(Counter(members).items())
        if count > 1
    ]


def _patiently(ask: Callable[[], Any], deadline: Deadline) -> Any:
    """Ask until there is an answer: a coordinator that just got the group loads it first.

    Raises:
        KafkaCallError: what Kafka says, once waiting has ended or does not help.
    """
    while True:
        try:
            return ask()
        except (KafkaException, KafkaCallError) as error:
            problem = error if isinstance(error, KafkaCallError) else translate(error, "look at the group")
            if not isinstance(problem, KafkaRetry) or problem.actionable or deadline.passed:
                raise problem from error
        time.sleep(min(_PAUSE_S, deadline.left()))


def _members(admin: Admin, group: str) -> list[str]:
    """Return the names of the members."""
    asked = admin.client.describe_consumer_groups([group], request_timeout=TIMEOUT_S)
    described = answer("look at the group", TIMEOUT_S, asked[group])
    return [str(member.client_id) for member in described.members]


def _behind(settings: KafkaSettings, group: str, deadline: Deadline) -> int | None:
    """Return how many records are not processed yet; None when the group has committed nothing."""
    reader = TopicReader(settings, "precache-doctor", lambda _text: None)
    try:
        spans = reader.spans(settings.topics.notifications, deadline)
    finally:
        reader.close()
    with GroupCommits(settings.kafka, "precache-doctor", group) as commits:
        places = commits.read(settings.topics.notifications, [span.partition for span in spans], deadline.left())
    committed = {place.partition: place.offset for place in places if place.offset >= 0}
    if not committed:
        return None
    # A partition without a commit is read from its start.
    begun = {span.partition: int(committed.get(span.partition, span.low)) for span in spans}
    return sum(max(0, span.high - begun[span.partition]) for span in spans)
