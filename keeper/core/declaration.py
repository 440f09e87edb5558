"""What an operator declared: which images stay on which aggregates, and what is allowed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

_HOUR_S: Final = 3_600.0
_DAY_S: Final = 24 * _HOUR_S


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """Which images are meant: one by its name or id, or the newest that have some properties.

    Attributes:
        text: a name or an id; ``""`` when the properties choose.
        properties: each must be the image's own.
        newest: how many of them.
    """

    text: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    newest: int = 1

    def __str__(self) -> str:
        """Return it as the operator wrote it, for texts."""
        if self.text:
            return self.text
        return ",".join(f"{key}={value}" for key, value in self.properties)


@dataclass(frozen=True, slots=True)
class Window:
    """When requests may begin: each day from ``opens`` to ``closes`` in ``zone``, past midnight if need be."""

    opens: time
    closes: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is repeated for hosts that failed, and how long to wait before it, the first time."""

    attempts: int = 3
    backoff_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Declaration:
    """One entry of ``wanted:``.

    Attributes:
        cloud: the cloud.
        aggregate: name, uuid or number of the aggregate.
        images: what is to stay there.
        margin_s: a request begins this long before the purge, in seconds.
        window: when requests may begin; ``None``: always.
        deadline_s: when all must be resident, in seconds since the epoch; ``None``: no such moment.
        retry: what follows a failure.
        joined_after_s: a host that joined, or came back, is left alone this long, in seconds.
        paused: nothing is asked.
    """

    cloud: str
    aggregate: str
    images: tuple[ImageChoice, ...]
    margin_s: float = 4 * _HOUR_S
    window: Window | None = None
    deadline_s: float | None = None
    retry: RetryPolicy = RetryPolicy()
    joined_after_s: float = 600.0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class CloudRules:
    """What is known of a cloud's Nova.

    Attributes:
        purge_after_s: Nova's ``remove_unused_original_minimum_age_seconds``.
        by_aggregate: the same, where an aggregate (by name or uuid) differs.
        requests: the keeper's open requests at once, at most.
    """

    purge_after_s: float = _DAY_S
    by_aggregate: Mapping[str, float] = field(default_factory=dict)
    requests: int = 1

    def purge_after(self, name: str, uuid: str) -> float:
        """Return after how many seconds an unused image is purged on an aggregate's hosts."""
        return self.by_aggregate.get(uuid, self.by_aggregate.get(name, self.purge_after_s))
