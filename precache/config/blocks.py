"""Blocks that the bridge's file and the processor's file share."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from precache.config.errors import error_beside
from precache.config.model import Block
from precache.config.types import Listen
from precache.contract.topics import OPTIONAL_ROLES, ROLES, Role

_TOPIC_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_MAX_TOPIC_CHARS: Final = 249


def _check_topic_name(name: str) -> str:
    if not name or len(name) > _MAX_TOPIC_CHARS or name in {".", ".."} or not _TOPIC_CHARS.issuperset(name):
        raise ValueError(
            f"is no name for a Kafka topic: 1 to {_MAX_TOPIC_CHARS} characters of a-z, A-Z, 0-9, '.', '_' and '-'"
        )
    return name


TopicName = Annotated[str, AfterValidator(_check_topic_name)]
"""A name that Kafka allows for a topic."""


class TopicsBlock(Block):
    """The topics. ``partitions`` and ``replication_factor`` are what ``precache topics create`` makes them with.

    Without ``replication_factor``, there are as many copies as fit the number of brokers: three where it can be.
    """

    notifications: TopicName = "nova.notifications"
    progress: TopicName = "precache.progress"
    operations: TopicName = "precache.operations"
    instances: TopicName = "nova.instances"
    wanted: TopicName = "precache.wanted"
    deadletters: TopicName = Field(default="precache.deadletters", validate_default=True)
    partitions: int = Field(default=4, ge=1, le=10_000)
    replication_factor: int | None = Field(default=None, ge=1, le=32_767)

    def name(self, role: Role) -> str:
        """Return the name of the topic that has this role."""
        return {
            "notifications": self.notifications,
            "progress": self.progress,
            "operations": self.operations,
            "deadletters": self.deadletters,
            "instances": self.instances,
            "wanted": self.wanted,
        }[role]

    @field_validator("deadletters")
    @classmethod
    def _all_distinct(cls, deadletters: str, info: ValidationInfo) -> str:
        # Kafka's metrics write '.' as '_', so it refuses a topic whose name is another's but for these.
        names = {**info.data, "deadletters": deadletters}
        seen: dict[str, Role] = {}
        for role in (role for role in (*ROLES, *OPTIONAL_ROLES) if role in names):
            first = seen.setdefault(names[role].replace(".", "_"), role)
            if first != role:
                text = f"names the same topic as {first!r} ('.' and '_' count as one): give each its own"
                raise error_beside(role, text)
        return deadletters


class HttpBlock(Block):
    """Where ``/metrics``, ``/healthz`` and ``/readyz`` are served."""

    listen: Listen
