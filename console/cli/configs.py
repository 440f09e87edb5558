"""Configuration files as the commands need them: faults become words and exit code 2."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click
from pydantic import BaseModel, ValidationError

from console.cli.exits import USAGE, Failure
from precache.config import Block, ConfigError, TopicsBlock, load, top_level_keys
from precache.kafka.config import KafkaBlock

Model = TypeVar("Model", bound=BaseModel)
Kind = Literal["bridge", "processor", "demo", "kafka"]

CONFIG_PATH: Final = click.Path(path_type=Path)

# What bridge and processor have in common, and no other command.
_SERVICES: Final = frozenset({"instance", "shutdown_timeout", "http"})

# What stands for an unset variable in a block that a command does not use.
_UNUSED: Final = "unset"


class KafkaSettings(Block):
    """What a command that only reads Kafka takes from a file, be it a bridge's, a processor's or one of its own."""

    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()
    clouds: Any = None
    store: Any = None
    operations: Any = None
    operators: Any = None
    instance: Any = None
    shutdown_timeout: Any = None
    http: Any = None


class _Lenient(Mapping[str, str]):
    """The environment, in which every variable is set."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name) or _UNUSED

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def kind_of(path: Path) -> Kind:
    """Return what a file is for, by its top-level keys; ``kafka`` when it has no more than `kafka` and `topics`.

    One with a service's keys, but without what tells the two apart, is taken for a processor's, which lacks its store.
    """
    keys = top_level_keys(path)
    if keys & {"bridge", "processor"}:
        return "demo"
    if "clouds" in keys:
        return "bridge"
    if keys & {"store", "operations", *_SERVICES}:
        return "processor"
    return "kafka"


def model_of(kind: Kind) -> type[Block]:
    """Return the model of a kind of file."""
    if kind == "kafka":
        return KafkaSettings
    if kind == "demo":
        from console.demo.settings import DemoConfig

        return DemoConfig
    if kind == "bridge":
        from bridge.config import BridgeConfig

        return BridgeConfig
    from processor.config import ProcessorConfig

    return ProcessorConfig


def load_or_fail(path: Path, model: type[Model]) -> Model:
    """Read a configuration file.

    Raises:
        Failure: with every fault of the file, and exit code 2.
    """
    try:
        return load(path, model)
    except ConfigError as error:
        raise Failure(told(path, error), USAGE) from error


def load_kafka(path: Path) -> KafkaSettings:
    """Read the blocks ``kafka`` and ``topics`` of any of our files; faults elsewhere in it, and secrets, don't matter.

    Raises:
        Failure: with every fault of the two blocks, and exit code 2.
    """
    try:
        return load(path, KafkaSettings)
    except ConfigError as error:
        ours = [problem for problem in error.errors if problem.path.partition(".")[0] in {"", "kafka", "topics"}]
        if ours:
            raise Failure(told(path, ConfigError(ours)), USAGE) from error
    try:
        return load(path, KafkaSettings, environ=_Lenient())
    except ConfigError as error:
        raise Failure(told(path, error), USAGE) from error


def abandon_after_s(path: Path) -> float:
    """Return how long an operation may need its log, in seconds: as a processor's file says, else the default."""
    from precache.kafka.durability import ABANDON_AFTER_S

    if kind_of(path) != "processor":
        return ABANDON_AFTER_S
    try:
        config = load(path, model_of("processor"), environ=_Lenient())
    except ConfigError:
        return ABANDON_AFTER_S  # told by whoever needs the whole file
    found: float = config.operations.abandon_after  # type: ignore[attr-defined]
    return found


def kafka_at(bootstrap: str) -> KafkaSettings:
    """Return the settings for a plain ``HOST:PORT``, default topics.

    Raises:
        Failure: that is no address.
    """
    try:
        return KafkaSettings.model_validate({"kafka": {"bootstrap.servers": bootstrap}})
    except ValidationError as error:
        raise Failure(f"--kafka should be HOST:PORT[,HOST:PORT...], not {bootstrap!r}", USAGE) from error


def told(path: Path, error: ConfigError) -> str:
    """Return every fault of a file, one a line."""
    return "\n".join([f"{path} cannot be used:", *map(str, error.errors)])
