"""The whole of `precache.yaml`."""

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
