"""The whole of `web.yaml`."""

from pydantic import field_validator

from precache.config import Block, TopicsBlock
from precache.config.operators import OperatorsBlock
from precache.config.store import StoreConfig
from precache.config.types import Listen
from precache.kafka.config import KafkaBlock

DEFAULT_LISTEN = ("127.0.0.1", 9180)


class WebConfig(Block):
    """The whole of `web.yaml`. Its store is only read.

    Attributes:
        kafka: what moves comes from here; without it, pages are as new as the store.
        listen: on localhost by default: the pages ask nobody for a password.
        base_path: where a proxy puts the pages, such as `/precache`.
    """

    kafka: KafkaBlock | None = None
    topics: TopicsBlock = TopicsBlock()
    store: StoreConfig
    operators: OperatorsBlock = OperatorsBlock()
    listen: Listen = DEFAULT_LISTEN
    base_path: str = "/"

    @field_validator("base_path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        if not path.startswith("/") or "//" in path or not set(path).isdisjoint("?#%\\ {}"):
            raise ValueError("should be a path such as / or /precache")
        return path.rstrip("/") or "/"
