"""The `operators:` block: what an operator's commands and the keeper know of each cloud."""

from collections.abc import Set as AbstractSet
from typing import ClassVar, Final

from pydantic import Field, field_validator

from precache.config.model import Block
from precache.config.types import Duration

# Nova's default of `remove_unused_original_minimum_age_seconds`.
PURGE_AFTER_S: Final = 86_400.0
_CLOUD_NAME: Final = r"^[a-z0-9-]+$"


class OperatorCloud(Block):
    """One cloud as an operator reaches it.

    Attributes:
        name: the cloud's name in `bridge.yaml`.
        os_cloud: its entry in `clouds.yaml`; without one, `--os-cloud` or OS_CLOUD names it.
        region: the region, where the entry has several.
        purge_after: seconds until Nova purges an unused image: `remove_unused_original_minimum_age_seconds`.
        purge_after_by_aggregate: the same for single aggregates, by name or id.
    """

    # The keeper's, which a command that reads its file passes over.
    ignored: ClassVar[AbstractSet[str]] = frozenset({"requests"})

    name: str = Field(pattern=_CLOUD_NAME)
    os_cloud: str | None = Field(default=None, min_length=1)
    region: str | None = Field(default=None, min_length=1)
    purge_after: Duration = Field(default=PURGE_AFTER_S, gt=0)
    purge_after_by_aggregate: dict[str, Duration] = Field(default_factory=dict)

    def purge_after_s(self, *aggregates: str) -> float:
        """Return the seconds until Nova purges an unused image on a host of an aggregate.

        Args:
            aggregates: the aggregate's names: its id, its name.
        """
        found = [self.purge_after_by_aggregate[name] for name in aggregates if name in self.purge_after_by_aggregate]
        return found[0] if found else self.purge_after


class OperatorsBlock(Block):
    """The clouds that an operator works with. A cloud without an entry has the defaults."""

    clouds: tuple[OperatorCloud, ...] = ()

    @field_validator("clouds")
    @classmethod
    def _names_are_unique(cls, clouds: tuple[OperatorCloud, ...]) -> tuple[OperatorCloud, ...]:
        seen: set[str] = set()
        for cloud in clouds:
            if cloud.name in seen:
                raise ValueError(f"name {cloud.name!r} is used twice: a cloud has one entry")
            seen.add(cloud.name)
        return clouds

    def purge_after_s(self, cloud: str, *aggregates: str) -> float:
        """Return the seconds until Nova purges an unused image in a cloud. See :meth:`OperatorCloud.purge_after_s`."""
        return self.cloud(cloud).purge_after_s(*aggregates)

    def longest_purge_after_s(self) -> float:
        """Return the most seconds that Nova keeps an unused image anywhere."""
        of_clouds = (max(each.purge_after, *each.purge_after_by_aggregate.values(), 0.0) for each in self.clouds)
        return max(PURGE_AFTER_S, *of_clouds, 0.0)

    def cloud(self, name: str) -> OperatorCloud:
        """Return a cloud's entry, or one of defaults."""
        return next((cloud for cloud in self.clouds if cloud.name == name), OperatorCloud(name=name))
