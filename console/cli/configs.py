"""Configuration files as the commands need them: errors become words and exit code 2."""

from collections.abc import Set as AbstractSet
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import click
from pydantic import BaseModel, ValidationError

from console.cli.exits import USAGE, CommandError
from precache.config import Block, ConfigError, TopicsBlock, load, top_level_keys
from precache.config.kinds import ALL_KEYS, FILE_OF, KEYS_OF, Kind, kind_of_keys
from precache.config.partial import Lenient, load_blocks
from precache.kafka.config import KafkaBlock

Model = TypeVar("Model", bound=BaseModel)

CONFIG_PATH: Final = click.Path(path_type=Path)

_MODELS: Final[dict[Kind, tuple[str, str]]] = {
    "bridge": ("bridge.config", "BridgeConfig"),
    "processor": ("processor.config", "ProcessorConfig"),
    "keeper": ("keeper.config", "KeeperConfig"),
    "web": ("console.web.config", "WebConfig"),
    "operator": ("precache.operator.config", "OperatorConfig"),
    "demo": ("console.demo.settings", "DemoConfig"),
}


class KafkaSettings(Block):
    """What a command that only reads Kafka takes from a file: an operator's, a service's, or one of its own."""

    ignored: ClassVar[AbstractSet[str]] = ALL_KEYS

    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()
    clouds: Any = None  # of a bridge's file: what `deadletters replay` goes by


def kind_of(path: Path) -> Kind:
    """Return what a file is for, by its top-level keys."""
    return kind_of_keys(top_level_keys(path))


def model_of(kind: Kind) -> type[Block]:
    """Return the model of a kind of file; its module is imported now, so that others need not be installed."""
    if kind == "kafka":
        return KafkaSettings
    module, name = _MODELS[kind]
    model: type[Block] = getattr(import_module(module), name)
    return model


def load_or_fail(path: Path, model: type[Model]) -> Model:
    """Read a configuration file.

    Raises:
        CommandError: with every error of the file, and exit code 2.
    """
    try:
        return load(path, model)
    except ConfigError as error:
        raise CommandError(_another_kind(path, model) or errors_text(path, error), USAGE) from error


def _another_kind(path: Path, model: type[BaseModel]) -> str:
    """Return what to say of a file that is for another command; ``""`` when it is not, or nobody can tell."""
    keys = top_level_keys(path)
    kind = kind_of_keys(keys)
    wanted = next((each for each, (_, name) in _MODELS.items() if name == model.__name__), kind)
    # A file that can't be read has no keys, and is of no kind.
    if not keys or kind == wanted or not keys <= KEYS_OF.get(kind, frozenset()):
        return ""
    return f"{path} is {FILE_OF[kind]}, and {FILE_OF[wanted]} is needed here"


def load_kafka(path: Path) -> KafkaSettings:
    """Read the blocks ``kafka`` and ``topics`` of any of our files; errors elsewhere in it, and secrets, don't matter.

    Raises:
        CommandError: with every error of the two blocks, and exit code 2.
    """
    try:
        return load_blocks(path, KafkaSettings, {"kafka", "topics"})
    except ConfigError as error:
        raise CommandError(errors_text(path, error), USAGE) from error


def abandon_after_s(path: Path) -> float:
    """Return how long an operation may need its log, in seconds: as a processor's file says, else the default."""
    from precache.kafka.durability import ABANDON_AFTER_S

    if kind_of(path) != "processor":
        return ABANDON_AFTER_S
    try:
        config = load(path, model_of("processor"), environ=Lenient())
    except ConfigError:
        return ABANDON_AFTER_S  # reported by whoever needs the whole file
    found: float = config.operations.abandon_after  # type: ignore[attr-defined]
    return found


def kafka_at(bootstrap: str) -> KafkaSettings:
    """Return the settings for a plain ``HOST:PORT``, default topics.

    Raises:
        CommandError: that is no address.
    """
    try:
        return KafkaSettings.model_validate({"kafka": {"bootstrap.servers": bootstrap}})
    except ValidationError as error:
        raise CommandError(f"--kafka should be HOST:PORT[,HOST:PORT...], not {bootstrap!r}", USAGE) from error


def errors_text(path: Path, error: ConfigError) -> str:
    """Return every error of a file, one a line."""
    return "\n".join([f"{path} cannot be used:", *map(str, error.errors)])
