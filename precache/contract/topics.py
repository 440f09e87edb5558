"""The topics: their roles, what each event in them is called, and the settings that they are made with."""

from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["notifications", "progress", "operations", "deadletters", "instances", "wanted"]

# Every precache has these; the others are there where a cloud has `boots: true`, and where a keeper runs.
ROLES: Final[tuple[Role, ...]] = ("notifications", "progress", "operations", "deadletters")
OPTIONAL_ROLES: Final[tuple[Role, ...]] = ("instances", "wanted")

NOVA_TYPE_PREFIX: Final = "org.openstack.nova."
BRIDGE_TYPE: Final = "io.precache.bridge.v1"
PROGRESS_TYPE: Final = "io.precache.progress.v1"
OPERATION_TYPE: Final = "io.precache.operation.v1"
DEADLETTER_TYPE: Final = "io.precache.deadletter.v1"
WANTED_TYPE: Final = "io.precache.wanted.v1"
REPLAY_TYPE: Final = "io.precache.replay.v1"

# The value of each record stays below this: with its key and headers it then passes librdkafka's default limit of
# 1,000,000 bytes, and Kafka's of 1 MiB.
MAX_RECORD_BYTES: Final = 900_000

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is made.

    Attributes:
        role: what it is for.
        settings: Kafka's own topic configs.
        required: those of them that are checked at start.
        partitions: how many it must have; ``None``: as many as the configuration says.
    """

    role: Role
    settings: dict[str, str]
    required: frozenset[str] = frozenset()
    partitions: int | None = None


SPECS: Final[dict[Role, TopicSpec]] = {
    "notifications": TopicSpec(
        "notifications",
        {
            # The clock of every timer is the broker's own timestamp: a producer's could lie or lag.
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "delete",
            "retention.ms": str(7 * _DAY_MS),
        },
        frozenset({"message.timestamp.type", "cleanup.policy"}),
    ),
    "progress": TopicSpec("progress", {"cleanup.policy": "delete", "retention.ms": str(7 * _DAY_MS)}),
    "operations": TopicSpec(
        "operations",
        {"cleanup.policy": "compact,delete", "retention.ms": str(90 * _DAY_MS)},
        frozenset({"cleanup.policy"}),
    ),
    "deadletters": TopicSpec("deadletters", {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS)}),
    "instances": TopicSpec("instances", {"cleanup.policy": "delete", "retention.ms": str(7 * _DAY_MS)}),
    # One partition: whoever holds it is the keeper that acts.
    "wanted": TopicSpec("wanted", {"cleanup.policy": "compact"}, frozenset({"cleanup.policy"}), partitions=1),
}
