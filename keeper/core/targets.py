"""What is declared, as pairs of an aggregate and an image that exist; and what does not exist, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keeper.core.choice import find_aggregate, find_images
from keeper.core.declaration import Declaration, ImageChoice
from keeper.core.observed import CloudView, ObservedAggregate, ObservedImage
from precache.contract.wanted import wanted_key


@dataclass(frozen=True, slots=True)
class WantedTarget:
    """One image that is to stay on one aggregate."""

    declaration: Declaration
    choice: ImageChoice
    aggregate: ObservedAggregate
    image: ObservedImage

    @property
    def key(self) -> str:
        """Its key in ``precache.wanted``."""
        return wanted_key(self.declaration.cloud, self.aggregate.uuid, self.image.id)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A declared aggregate or image that is not there; ``why`` in words."""

    declaration: Declaration
    choice: ImageChoice
    aggregate: ObservedAggregate | None
    why: str

    @property
    def aggregate_uuid(self) -> str:
        """Its aggregate's uuid, as far as known."""
        return self.declaration.aggregate if self.aggregate is None else self.aggregate.uuid

    @property
    def key(self) -> str:
        """Its key in ``precache.wanted``: declared names stand for ids."""
        return wanted_key(self.declaration.cloud, self.aggregate_uuid, str(self.choice))


def expand(declarations: Sequence[Declaration], view: CloudView) -> Sequence[WantedTarget | Unknown]:
    """Return all that one cloud's declarations mean; what two of them name, the first one has."""
    found: dict[str, WantedTarget | Unknown] = {}
    for declaration in declarations:
        aggregate = find_aggregate(declaration.aggregate, view.aggregates)
        for choice in declaration.images:
            for each in _expand_one(declaration, choice, aggregate, view):
                found.setdefault(each.key, each)
    return list(found.values())


def _expand_one(
    declaration: Declaration, choice: ImageChoice, aggregate: ObservedAggregate | None, view: CloudView
) -> Iterator[WantedTarget | Unknown]:
    if aggregate is None:
        yield Unknown(declaration, choice, None, f"aggregate {declaration.aggregate} is not in Nova")
        return
    images, why = find_images(choice, view.images)
    if why:
        yield Unknown(declaration, choice, aggregate, why)
    for image in images:
        yield WantedTarget(declaration, choice, aggregate, image)
