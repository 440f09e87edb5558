"""The settings of topics: looked up, and set."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException

# They are public by confluent-kafka's documentation, but its types do not export them.
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from precache.kafka.bounded import answer
from precache.kafka.clients import Admin
from precache.kafka.errors import KafkaCallError, KafkaRetry, translate
from precache.runtime.deadline import Deadline

_CONFIGS: Final = "kafka-configs.sh"
# Kafka's errors for a request that was cut short by its own deadline.
_UNREACHABLE: Final = frozenset({"_TRANSPORT", "_TIMED_OUT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_WAIT_COORD"})


@dataclass(frozen=True, slots=True)
class TopicProblem:
    """What is wrong with a topic.

    Attributes:
        topic: its name.
        text: the setting, what it is, what it has to be, and why.
        command: what fixes it.
        is_hidden: it may well be as it has to be: this user may not see it.
        is_warning: all works, but records may be lost one day.
        setting: the topic setting that fixes it, and its value; None where no setting does.
    """

    topic: str
    text: str
    command: str
    is_hidden: bool = False
    is_warning: bool = False
    setting: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}; to fix it: {self.command}"


def settings_of(
    admin: Admin, names: list[str], deadline: Deadline
) -> tuple[dict[str, dict[str, str]], dict[str, KafkaCallError]]:
    """Return the settings by topic; and of those whose settings this user may not see, the refusals."""
    if not names:
        return {}, {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    result, hidden = dict[str, dict[str, str]](), dict[str, KafkaCallError]()
    left_s = max(deadline.left(), 0.1)
    futures = admin.client.describe_configs(resources, request_timeout=left_s)
    for resource, future in futures.items():
        try:
            result[resource.name] = {
                key: str(entry.value) for key, entry in answer("read settings", left_s, future).items()
            }
        except KafkaException as error:
            problem = explained(admin, error, f"read the settings of topic {resource.name}")
            if problem.name != "TOPIC_AUTHORIZATION_FAILED":
                raise problem from error
            hidden[resource.name] = problem
    return result, hidden


def fix(admin: Admin, errors: Iterable[TopicProblem], deadline: Deadline) -> list[TopicProblem]:
    """Set what a setting fixes; return the errors that are fixed by that.

    Raises:
        KafkaRetry: Kafka cannot be reached before the deadline.
        KafkaCallError: Kafka refused one.
    """
    fixed = [problem for problem in errors if problem.setting is not None]
    for problem in fixed:
        key, value = problem.setting  # type: ignore[misc]  # as just chosen
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, problem.topic, incremental_configs=[entry])
        left_s = max(deadline.left(), 0.1)
        [future] = admin.client.incremental_alter_configs([resource], request_timeout=left_s).values()
        try:
            answer(f"set {key}", left_s, future)
        except KafkaException as error:
            raise explained(admin, error, f"set {key} of topic {problem.topic}") from error
    return fixed


def alter(servers: str, name: str, setting: str, value: str) -> str:
    """Return the command that sets a setting of a topic."""
    # kafka-configs.sh takes a value with commas in brackets.
    value = f"[{value}]" if "," in value else value
    return (
        f"{_CONFIGS} --bootstrap-server {servers} --alter --entity-type topics --entity-name {name} "
        f"--add-config '{setting}={value}'"
    )


def explained(admin: Admin, error: KafkaException, doing: str) -> KafkaCallError:
    """Return our exception; for a broker that does not answer, one that says which, and what the client saw."""
    admin.client.poll(0)
    problem = translate(error, doing)
    if problem.name not in _UNREACHABLE:
        return problem
    refusal = admin.connection.refusal(doing)
    if refusal is not None:
        return refusal
    seen = f" ({admin.connection.last_error})" if admin.connection.last_error else ""
    text = (
        f"no answer from Kafka at {admin.servers}{seen}: check bootstrap.servers in the kafka block, and that it runs"
    )
    return KafkaRetry(doing, problem.name, text, actionable=problem.actionable)
