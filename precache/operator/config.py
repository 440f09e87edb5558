"""The models of `precache.yaml`: the whole file, and the part of it that a command which asks the store needs."""

from typing import Any

from precache.config import Block, TopicsBlock
from precache.config.operators import OperatorsBlock
from precache.config.store import StoreConfig
from precache.kafka.config import KafkaBlock


class OperatorConfig(Block):
    """The whole of `precache.yaml`. Its store is only read.

    ``watch`` and ``start`` use ``kafka``; ``operations``, ``operation``, ``residency`` and ``boots`` use ``store``.
    """

    kafka: KafkaBlock | None = None
    topics: TopicsBlock = TopicsBlock()
    store: StoreConfig | None = None
    operators: OperatorsBlock = OperatorsBlock()


class StoreSettings(Block):
    """What a command that asks the store takes from an operator's file; the blocks that it does not use are unread."""

    store: StoreConfig
    operators: OperatorsBlock = OperatorsBlock()
    kafka: Any = None
    topics: Any = None
