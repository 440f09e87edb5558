"""What a command that asks the store takes from `precache.yaml`, without loading Kafka's client for the rest."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import ClassVar

from precache.config import Block
from precache.config.kinds import ALL_KEYS, Kind
from precache.config.operators import OperatorsBlock
from precache.config.partial import load_blocks
from precache.config.store import StoreConfig
from precache.operator.search import require


class StoreSettings(Block):
    """What a command that asks the store takes from an operator's file; the blocks that it does not use are unread."""

    store: StoreConfig
    operators: OperatorsBlock = OperatorsBlock()
    ignored: ClassVar[AbstractSet[str]] = ALL_KEYS


def load_store_settings(
    given: Path | None = None, environ: Mapping[str, str] | None = None, also: AbstractSet[Kind] = frozenset()
) -> StoreSettings:
    """Read what a command that asks the store needs from the operator's file, or from one of these kinds.

    Raises:
        NoFileError: there is no such file.
        ConfigError: with every error of the blocks ``store`` and ``operators``.
    """
    return load_blocks(require(given, environ, also), StoreSettings, {"store", "operators"}, environ)
