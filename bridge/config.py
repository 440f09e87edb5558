"""The bridge's configuration: which clouds, how to listen to each, and what goes to which topic."""

import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from bridge.decode.message import Route
from bridge.delivery import breaker
from bridge.source import transport_url as transport
from bridge.source.listening import SHARED_TOPIC, Listening
from precache.config import Block, Duration, HttpBlock, Map, TopicName, TopicsBlock, error_beside
from precache.contract.deadletters import MAX_RECORD_BYTES
from precache.contract.nova import BOOTS
from precache.contract.topics import OPTIONAL_ROLES, ROLES
from precache.kafka.config import KafkaBlock

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


def _check_own_topic(topic: str) -> str:
    if topic == SHARED_TOPIC:
        raise ValueError(
            f"{SHARED_TOPIC} is the queue that other consumers read: say drain_shared: true if you mean to take their"
            " messages, else name a topic of our own or a pool"
        )
    return topic


def _check_pattern(pattern: str) -> str:
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("should be an event type, with * for any run of characters: aggregate.cache_images.*")
    return pattern


CloudName = Annotated[str, AfterValidator(_check_cloud_name)]
AmqpName = Annotated[str, AfterValidator(_check_amqp_name)]
OwnTopic = Annotated[AmqpName, AfterValidator(_check_own_topic)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]

# The key path below a block, and what is wrong there.
Found = tuple[tuple[str, ...], str]


class BreakerBlock(Block):
    """When a cloud is stopped whose messages can't be read: see :class:`bridge.delivery.breaker.BreakerLimits`."""

    share: float = Field(default=breaker.DEFAULT.share, gt=0, le=1)
    window: int = Field(default=breaker.DEFAULT.window, ge=1, le=1_000_000)
    minimum: int = Field(default=breaker.DEFAULT.minimum, ge=1, validate_default=True)
    pause: Duration = Field(default=breaker.DEFAULT.pause_s, ge=1.0)

    @field_validator("minimum")
    @classmethod
    def _fits_into_the_window(cls, minimum: int, info: ValidationInfo) -> int:
        window = info.data.get("window")
        if window is not None and minimum > window:
            raise ValueError(f"should be at most the window, which is {window}")
        return minimum

    @property
    def limits(self) -> breaker.BreakerLimits:
        """Return the limits."""
        return breaker.BreakerLimits(self.share, self.window, self.minimum, self.pause)


class CloudBlock(Block):
    """One cloud: its RabbitMQ, how to listen there, and which events are wanted.

    Exactly one of ``topic``, ``pool`` and ``drain_shared`` says where to listen.
    """

    # A check of several keys is the validator of the last of them, so that it runs whatever is wrong with the others.
    name: CloudName
    source: Literal["rabbit", "oslo"] = "rabbit"
    oslo_messaging_rabbit: dict[str, Any] = Field(default_factory=dict)
    transport_url: SecretStr
    exchange: AmqpName = "nova"
    topic: OwnTopic | None = None
    pool: AmqpName | None = None
    drain_shared: bool = Field(default=False, validate_default=True)
    prefetch: int = Field(default=1000, ge=1, le=65_535)
    hold: Duration = Field(default=120.0, ge=0.1, le=1_500.0)
    events: tuple[Pattern, ...] = DEFAULT_EVENTS
    boots: bool = False
    forward: dict[TopicName, tuple[Pattern, ...]] = Field(default_factory=dict)
    breaker: BreakerBlock = BreakerBlock()

    @property
    def listening(self) -> Listening:
        """Return what is read: the topic's own queue, or the pool's (oslo.messaging gives it the pool's name)."""
        return Listening(self.exchange, self.topic or SHARED_TOPIC, self.pool or "", self.prefetch)

    def routes(self, topics: TopicsBlock) -> tuple[Route, ...]:
        """Return which event types go to which topic."""
        boots = [Route(topics.instances, BOOTS)] if self.boots else []
        forwards = [Route(topic, patterns) for topic, patterns in self.forward.items()]
        return (Route(topics.notifications, self.events), *boots, *forwards)

    @field_validator("oslo_messaging_rabbit", mode="before")
    @classmethod
    def _options_have_an_effect(cls, options: Any, info: ValidationInfo) -> Any:
        if not isinstance(options, Mapping):
            return options
        errors = transport.errors_of_options(options, for_rabbit=info.data.get("source") == "rabbit")
        _add_errors(options, (((name,), text) for name, text in errors.items()))
        return {name: value for name, value in options.items() if name not in errors}

    @field_validator("transport_url")
    @classmethod
    def _can_be_reached(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        read = transport.read(url.get_secret_value(), info.data.get("oslo_messaging_rabbit", {}))
        is_rabbit = info.data.get("source") == "rabbit"
        errors = transport.check_for_rabbit(read) if is_rabbit else transport.check_driver(read)
        if errors:
            raise ValueError("; ".join(errors))
        return url

    @field_validator("drain_shared")
    @classmethod
    def _listens_in_one_way(cls, value: object, info: ValidationInfo) -> object:
        choices = {**info.data, "drain_shared": value}
        ways = [way for way in ("topic", "pool", "drain_shared") if choices.get(way)]
        # An invalid one is reported already, and may have been meant.
        if len(ways) != 1 and {"topic", "pool"} <= choices.keys():
            given = " and ".join(ways) + " are" if ways else "none is"
            raise error_beside(
                ways[-1] if ways else "topic",
                "exactly one of topic (a topic of our own in nova.conf: recommended), pool (a queue of our own beside"
                " Nova's) and drain_shared: true (takes other consumers' messages) says where to listen;"
                f" {given} given",
            )
        return value


class BridgeConfig(Block):
    """``bridge.yaml``."""

    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()
    clouds: tuple[CloudBlock, ...] = Field(min_length=1)
    instance: str = Field(default_factory=socket.gethostname, min_length=1, max_length=255)
    shutdown_timeout: Duration = Field(default=30.0, gt=0)
    http: HttpBlock | None = None

    @field_validator("kafka")
    @classmethod
    def _takes_dead_letters(cls, kafka: KafkaBlock) -> KafkaBlock:
        return kafka.require_record_bytes(MAX_RECORD_BYTES, "a dead letter")

    @field_validator("clouds", mode="before")
    @classmethod
    def _keep_apart(cls, clouds: Any, info: ValidationInfo) -> Any:
        # As they stand in the file, so that it runs whatever else is wrong with one of them.
        seen: set[str] = set()
        for cloud in clouds if isinstance(clouds, list | tuple) else ():
            if isinstance(cloud, Mapping):
                name = cloud.get("name")
                _add_errors(cloud, _taken(cloud, info.data.get("topics"), is_twin=name in seen))
                seen |= {name} if isinstance(name, str) else set()
        return clouds


def _taken(cloud: Mapping[str, Any], topics: TopicsBlock | None, *, is_twin: bool) -> Iterator[Found]:
    """Yield what a cloud says that another cloud, or the bridge itself, has said before."""
    if is_twin:
        yield ("name",), f"{cloud['name']} is the name of a cloud above: it is the cloud's identity everywhere"
    forward = cloud.get("forward")
    if topics is None or not isinstance(forward, Mapping):
        return
    for role in (*ROLES, *OPTIONAL_ROLES):
        name = topics.name(role)
        if name in forward:
            yield ("forward", name), "is one of `topics`, and has its own use: name another (or put it into `events`)"


def _add_errors(block: Mapping[str, Any], found: Iterable[Found]) -> None:
    """Note errors at the keys of a file's block.

    Raises:
        ValueError: there are some, and the block is not a file's.
    """
    if isinstance(block, Map):
        for path, text in found:
            if (*block.path, *path) not in block.document.unusable:
                block.document.error((*block.path, *path), text)
    elif errors := [f"{'.'.join(path)}: {text}" for path, text in found]:
        raise ValueError("; ".join(errors))
