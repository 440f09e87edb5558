"""``processor.yaml``."""

import socket
from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field, ValidationInfo, field_validator

from precache.config import Block, Duration, HttpBlock, TopicsBlock
from precache.config.store import StoreConfig
from precache.kafka.config import KafkaBlock
from processor.core.settings import Timers

DEFAULT_GROUP: Final = "precache-processor"
_MS_PER_S: Final = 1_000
# What the largest record of precache may need (precache.contract.topics), key and headers included.
_RECORD_BYTES: Final = 1_000_000


class OperationsBlock(Block):
    """When an operation is over, stalled, given up and closed; on Kafka's clock, in seconds.

    ``allowed_lateness`` must exceed the longest time that a bridge holds a message: what comes later is a dead letter.
    """

    renamed: ClassVar[Mapping[str, str]] = {"settle": "grace_period", "keep": "allowed_lateness"}

    grace_period: Duration = Field(default=5.0, gt=0)
    stall_after: Duration = Field(default=35 * 60.0, gt=0, validate_default=True)
    abandon_after: Duration = Field(default=24 * 3_600.0, gt=0, validate_default=True)
    allowed_lateness: Duration = Field(default=3_600.0, gt=0)

    @field_validator("stall_after")
    @classmethod
    def _does_not_cut_grace_short(cls, stall_after: float, info: ValidationInfo) -> float:
        if stall_after < info.data.get("grace_period", 0.0):
            raise ValueError("should not be shorter than grace_period: a result that is waited for is not stalled")
        return stall_after

    @field_validator("abandon_after")
    @classmethod
    def _comes_after_stalled(cls, abandon_after: float, info: ValidationInfo) -> float:
        # Missing when it is wrong itself, which is reported anyway.
        if abandon_after <= info.data.get("stall_after", 0.0):
            raise ValueError("should be longer than stall_after: stalled comes before abandoned")
        return abandon_after

    @property
    def timers(self) -> Timers:
        """Return the same in milliseconds, as the core counts."""
        seconds = (self.grace_period, self.stall_after, self.abandon_after, self.allowed_lateness)
        return Timers(*(max(1, round(value * _MS_PER_S)) for value in seconds))


class ProcessorConfig(Block):
    """``processor.yaml``."""

    kafka: KafkaBlock
    store: StoreConfig
    topics: TopicsBlock = TopicsBlock()
    operations: OperationsBlock = OperationsBlock()
    instance: str = Field(default_factory=socket.gethostname, min_length=1, max_length=200)
    shutdown_timeout: Duration = Field(default=30.0, gt=0)
    http: HttpBlock | None = HttpBlock(listen=("127.0.0.1", 9101))

    @field_validator("kafka")
    @classmethod
    def _takes_our_records(cls, kafka: KafkaBlock) -> KafkaBlock:
        return kafka.require_record_bytes(_RECORD_BYTES, "the record of an operation")

    @property
    def group(self) -> str:
        """Return the consumer group: processors of one group share the work."""
        return self.kafka.group_id or DEFAULT_GROUP

    @property
    def transactional_id(self) -> str:
        """Return what fences an earlier process of the same name."""
        return f"{self.group}-{self.instance}"
