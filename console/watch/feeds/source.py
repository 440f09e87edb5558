"""Where a command reads operations: Kafka, or a cloud's RabbitMQ; and how to name that place again."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from console.cli.configs import CONFIG_PATH, KafkaSettings, kafka_at, load_kafka
from console.cli.exits import USAGE, CommandError
from console.cli.transport_url import VARIABLE, from_file, given

if TYPE_CHECKING:
    from console.watch.feeds.api import Feed
    from console.watch.feeds.kafka import Reach

# What the contract calls a cloud that is watched without a name.
LOCAL: Final = "local"
# Nova's defaults of its exchange and of [notifications] versioned_notifications_topics.
_EXCHANGE: Final = "nova"
_TOPIC: Final = "versioned_notifications"

_CONFIG_HELP: Final = (
    "Take `kafka:` and `topics:` from here: a precache.yaml, a bridge's file, a processor's, or one with these alone. "
    "Default: PRECACHE_CONFIG, else precache.yaml here, in ~/.config/precache, in /etc/precache."
)

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, help=_CONFIG_HELP),
    click.option("--kafka", metavar="HOST:PORT", help="Read this Kafka, with the default topics."),
    click.option("--transport-url", metavar="URL", help="Read a cloud's RabbitMQ, without Kafka: as in nova.conf."),
    click.option(
        "--transport-url-file",
        metavar="FILE",
        type=CONFIG_PATH,
        help=f"The same, read from a file: no password in `ps`. Or set {VARIABLE}.",
    ),
    click.option("--exchange", default=_EXCHANGE, show_default=True, help="Nova's, for --transport-url."),
    click.option("--topic", default=_TOPIC, show_default=True, help="Nova's notification topic, for --transport-url."),
)


def source_options(function: Function) -> Function:
    """Add the options that say where to read; they come as ``path``, ``kafka``, ``transport_url``, ..."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class WatchSource:
    """One place to read operations from. Of the first three, one at most is given.

    Attributes:
        path: a configuration file.
        kafka: HOST:PORT.
        transport_url: a cloud's RabbitMQ.
        arguments: the options that name this place, as typed.
    """

    path: Path | None = None
    kafka: str | None = None
    transport_url: str | None = None
    exchange: str = _EXCHANGE
    topic: str = _TOPIC
    arguments: tuple[str, ...] = ()

    @property
    def is_kafka(self) -> bool:
        """Whether it is Kafka, which has the past and other operations too."""
        return self.path is not None or self.kafka is not None

    def feed(self, reach: "Reach", cloud: str, emit: Callable[[str], None]) -> "Feed":
        """Return the feed, not yet open.

        Args:
            reach: what is read of Kafka's past.
            cloud: what to call the cloud of a RabbitMQ.
            emit: reports outages to a person.

        Raises:
            CommandError: the file or the address can't be used.
        """
        if self.transport_url is not None:
            from console.watch.feeds.rabbit import TransportFeed

            return TransportFeed(
                self.transport_url, cloud=cloud or LOCAL, exchange=self.exchange, topic=self.topic, emit=emit
            )
        from console.watch.feeds.kafka import KafkaFeed

        return KafkaFeed(self.kafka_settings(), reach, emit)

    def kafka_settings(self) -> KafkaSettings:
        """Return how to reach Kafka.

        Raises:
            CommandError: the file or the address can't be used.
        """
        return load_kafka(self.path) if self.path is not None else kafka_at(self.kafka or "")

    def resume(self, cloud: str = "") -> str:
        """Return the command that follows an operation from the same place, less its id."""
        named = ("--cloud", cloud) if cloud and not self.is_kafka else ()
        return shlex.join(["precache", "watch", *self.arguments, *named])


def source(
    *,
    path: Path | None,
    kafka: str | None,
    transport_url: str | None,
    transport_url_file: Path | None,
    exchange: str,
    topic: str,
) -> WatchSource | None:
    """Return the one place that the options name, or else the environment, or the operator's file; None for none.

    Raises:
        CommandError: the options name several.
    """
    if path is None and kafka is None:
        url = given(transport_url, transport_url_file)
    else:
        url = transport_url if transport_url_file is None else from_file(transport_url_file)
    if sum(place is not None for place in (path, kafka, url)) > 1:
        raise CommandError("Choose one source: --config, --kafka or --transport-url[-file]", USAGE)
    if url is not None:
        arguments = [*_of_url(transport_url, transport_url_file), *_nova(exchange, topic)]
        return WatchSource(transport_url=url, exchange=exchange, topic=topic, arguments=tuple(arguments))
    if kafka is not None:
        return WatchSource(kafka=kafka, arguments=("--kafka", kafka))
    if path is not None:
        return WatchSource(path, arguments=("--config", str(path)))
    return _found()


def required(found: WatchSource | None) -> WatchSource:
    """Return the source.

    Raises:
        CommandError: there is none.
    """
    if found is None:
        raise CommandError(
            "Choose a source: --config FILE or --kafka HOST:PORT (what a processor makes of it), or "
            "--transport-url[-file] (a cloud's RabbitMQ, without Kafka); or write a precache.yaml. "
            "`precache watch --help` has examples",
            USAGE,
        )
    return found


def _found() -> WatchSource | None:
    """Return the operator's file, where it is in one of its usual places and names a Kafka."""
    from precache.config import top_level_keys
    from precache.operator.search import find

    path = find()
    # It is found again in the same way.
    return WatchSource(path) if path is not None and "kafka" in top_level_keys(path) else None


def _of_url(url: str | None, file: Path | None) -> list[str]:
    """Return how to give a URL again; one that holds a password stays out of what is shown."""
    if file is not None:
        return ["--transport-url-file", str(file)]
    if url is None:
        return []  # of the environment
    return ["--transport-url-file", "FILE-WITH-THE-URL"] if urlsplit(url).password else ["--transport-url", url]


def _nova(exchange: str, topic: str) -> list[str]:
    changed = [] if exchange == _EXCHANGE else ["--exchange", exchange]
    return changed if topic == _TOPIC else [*changed, "--topic", topic]
