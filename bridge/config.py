"""The bridge's configuration: which clouds, how to listen to each, and what goes to which topic."""

import re
import socket
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bridge import transport
from bridge.decode import Route
from precache.service.config import Block, Duration, HttpBlock, KafkaBlock, TopicName, TopicsBlock

# Nova's default in [notifications] versioned_notifications_topics.
SHARED_TOPIC: Final = "versioned_notifications"
PRIORITY: Final = "info"
DEFAULT_EVENTS: Final = ("aggregate.cache_images.*",)

_CLOUD_NAME: Final = re.compile(r"[a-z0-9-]{1,63}")
_PATTERN: Final = re.compile(r"[\w.*-]+")
_MAX_AMQP_NAME_BYTES: Final = 255


def _check_cloud_name(name: str) -> str:
    if not _CLOUD_NAME.fullmatch(name):
        raise ValueError("should be 1 to 63 characters of a-z, 0-9 and '-': it is the cloud's identity everywhere")
    return name


def _check_amqp_name(name: str) -> str:
    if not name or len(name.encode()) > _MAX_AMQP_NAME_BYTES:
        raise ValueError(f"should have 1 to {_MAX_AMQP_NAME_BYTES} bytes")
    return name


def _check_pattern(pattern: str) -> str:
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("should be an event type, with * for any run of characters: aggregate.cache_images.*")
    return pattern


CloudName = Annotated[str, AfterValidator(_check_cloud_name)]
AmqpName = Annotated[str, AfterValidator(_check_amqp_name)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]


class CloudBlock(Block):
    """One cloud: its RabbitMQ, how to listen there, and which events are wanted.

    Exactly one of ``topic``, ``pool`` and ``drain_shared`` says where to listen.
    """

    name: CloudName
    transport_url: SecretStr
    exchange: AmqpName = "nova"
    topic: AmqpName | None = None
    pool: AmqpName | None = None
    drain_shared: bool = False
    source: Literal["rabbit", "oslo"] = "rabbit"
    prefetch: int = Field(default=1000, ge=1, le=65_535)
    hold: Duration = Field(default=120.0, ge=0.1, le=1_500.0)
    events: tuple[Pattern, ...] = DEFAULT_EVENTS
    forward: dict[TopicName, tuple[Pattern, ...]] = Field(default_factory=dict)
    oslo_messaging_rabbit: dict[str, Any] = Field(default_factory=dict)

    @property
    def listens_to(self) -> str:
        """Return Nova's notification topic: the first part of the routing key."""
        return self.topic or SHARED_TOPIC

    @property
    def routing_key(self) -> str:
        """Return the routing key under which Nova publishes."""
        return f"{self.listens_to}.{PRIORITY}"

    @property
    def queue(self) -> str:
        """Return the queue that is read: Nova's own, or the pool's (oslo.messaging gives it the pool's name)."""
        return self.pool or self.routing_key

    def routes(self, topics: TopicsBlock) -> tuple[Route, ...]:
        """Return which event types go to which topic."""
        forwards = [Route(topic, patterns) for topic, patterns in self.forward.items()]
        return (Route(topics.notifications, self.events), *forwards)

    @model_validator(mode="after")
    def _listens_in_one_way(self) -> Self:
        choices = {"topic": self.topic, "pool": self.pool, "drain_shared": self.drain_shared}
        ways = [way for way, choice in choices.items() if choice]
        if len(ways) != 1:
            given = " and ".join(ways) if ways else "none"
            raise ValueError(
                "exactly one of topic (a topic of our own in nova.conf: recommended), pool (a queue of our own beside"
                " Nova's) and drain_shared: true (takes other consumers' messages) says where to listen;"
                f" {given} is given"
            )
        if self.topic == SHARED_TOPIC:
            raise ValueError(
                f"topic: {SHARED_TOPIC} is the queue that other consumers read: say drain_shared: true if you mean to"
                " take their messages, else name a topic of our own or a pool"
            )
        return self

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        try:
            read = transport.read(self.transport_url.get_secret_value(), self.oslo_messaging_rabbit)
        except transport.TransportError as error:
            raise ValueError(f"transport_url or oslo_messaging_rabbit: {error}") from None
        faults = transport.check_for_rabbit(read) if self.source == "rabbit" else []
        if faults:
            raise ValueError("transport_url or oslo_messaging_rabbit: " + "; ".join(faults))
        return self


class BridgeConfig(Block):
    """``bridge.yaml``."""

    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()
    clouds: tuple[CloudBlock, ...] = Field(min_length=1)
    instance: str = Field(default_factory=socket.gethostname, min_length=1, max_length=255)
    shutdown_timeout: Duration = Field(default=30.0, gt=0)
    http: HttpBlock | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [cloud.name for cloud in self.clouds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"clouds: the name {', '.join(twice)} is given twice: it is the cloud's identity everywhere"
            )
        return self

    @model_validator(mode="after")
    def _forwards_go_elsewhere(self) -> Self:
        ours = {self.topics.notifications, self.topics.progress, self.topics.operations, self.topics.deadletters}
        for cloud in self.clouds:
            taken = sorted(ours & cloud.forward.keys())
            if taken:
                raise ValueError(
                    f"clouds: {cloud.name}: forward to {', '.join(taken)}: that topic has its own use; use `events` for"
                    f" {self.topics.notifications}, and other names in `forward`"
                )
        return self
