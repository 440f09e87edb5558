"""What a cloud is asked for, and how it fails: records and errors without any client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

# Pre-caching came with it: Nova of Ussuri. Source: Nova's REST API version history, 2.81.
MICROVERSION: Final = "2.81"


class OpenStackError(Exception):
    """A cloud can't do what it was asked for. The text says what is wrong, where, and what to do."""


class CloudConfigError(OpenStackError):
    """`clouds.yaml` or the environment does not say how to reach the cloud. Nothing was asked."""


class CloudUnreachableError(OpenStackError):
    """The cloud does not answer, or does not let us in. Nothing was asked.

    Args:
        text: what is wrong, and what to do.
        transient: to try again may help.
    """

    def __init__(self, text: str, *, transient: bool = True) -> None:
        super().__init__(text)
        self.transient = transient


class RefusedError(OpenStackError):
    """The cloud refused.

    Args:
        text: its words, and what to do.
        status: the HTTP status; 404 also for a name that is not there.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class NoResponseError(OpenStackError):
    """A request was sent, and no response says whether the cloud took it. To send it again may do it twice."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A host aggregate. ``hosts`` are the names of its compute hosts."""

    id: int
    uuid: str
    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """An image of Glance. ``status`` is Glance's word: ``active`` can be cached, nothing else can.

    ``created_at`` is RFC 3339; ``""`` where it was not asked for.
    """

    id: str
    name: str
    status: str
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class ComputeHost:
    """A compute host. Nova skips one whose service is not ``up``; one that is not ``enabled`` caches all the same."""

    name: str
    up: bool
    enabled: bool


class Cloud(Protocol):
    """One cloud. Each method raises an :class:`OpenStackError`, and none waits longer than a minute."""

    def aggregate(self, wanted: str) -> Aggregate:
        """Return the aggregate of this id, uuid or name."""
        ...

    def image(self, wanted: str) -> Image:
        """Return the image of this id or name."""
        ...

    def compute_hosts(self) -> list[ComputeHost]:
        """Return all compute hosts."""
        ...

    def cache_images(self, aggregate: Aggregate, images: Sequence[str], global_request_id: str) -> str:
        """Ask Nova to cache images (by id) on the hosts of an aggregate; return the request id of the operation.

        The request is sent once, whatever happens.

        Raises:
            CloudUnreachableError: nothing was sent.
            RefusedError: Nova did not take it.
            NoResponseError: nobody knows; notifications with the global request id show it.
        """
        ...


class CloudInventory(Cloud, Protocol):
    """A cloud that also lists what it has."""

    def aggregates(self) -> list[Aggregate]:
        """Return all aggregates."""
        ...

    def images(self, properties: Mapping[str, str]) -> list[Image]:
        """Return all images with these properties, the newest first. Glance's own, such as ``name``, count as such."""
        ...

    def image_by_id(self, identity: str) -> Image | None:
        """Return the image with this id; ``None``: there is none that this user may see."""
        ...
