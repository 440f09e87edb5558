"""What a round needs of the world: clouds to look at and to ask, and a memory that outlives the keeper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from keeper.core.observed import CloudView, Unavailable
from precache.contract.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Reply:
    """Nova's answer to a request, in words.

    ``refused``: Nova said no, and did nothing. ``unknown``: there was no answer, so Nova may have the request or not.
    """

    answer: Literal["accepted", "refused", "unknown"]
    detail: str = ""


class Clouds(Protocol):
    """The clouds, with what precache knows of them."""

    def look(self, cloud: str, records: Mapping[str, Wanted]) -> CloudView | Unavailable:
        """Return a cloud as it is now; ``records`` name the requests whose START may have to be looked for."""

    def ask(self, cloud: str, aggregate_id: int, image: str, global_request_id: str) -> Reply:
        """Ask Nova once to cache an image; it is never asked again by itself."""


class Memory(Protocol):
    """The records of ``precache.wanted``."""

    def read(self) -> Mapping[str, Wanted]:
        """Return the last record of each key, others' writes included."""

    def write(self, records: Sequence[Wanted]) -> None:
        """Write records in one transaction; when this returns, they are there for whoever comes after.

        Raises:
            Exception: they may be there or not; the round must end.
        """
