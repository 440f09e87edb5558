"""Which images and aggregates a declaration means, now."""

from collections.abc import Sequence

from keeper.core.declaration import ImageChoice
from keeper.core.observed import ObservedAggregate, ObservedImage

ACTIVE = "active"


def find_aggregate(text: str, aggregates: Sequence[ObservedAggregate]) -> ObservedAggregate | None:
    """Return the aggregate with this uuid, name or number, in that order."""
    for attribute in ("uuid", "name", "id"):
        for aggregate in aggregates:
            if str(getattr(aggregate, attribute)) == text:
                return aggregate
    return None


def find_images(choice: ImageChoice, images: Sequence[ObservedImage]) -> tuple[Sequence[ObservedImage], str]:
    """Return the images that are meant, newest first, and what is wrong in words, else ``""``."""
    if choice.text:
        found = [image for image in images if image.id == choice.text]
        found = found or [image for image in images if image.name == choice.text]
        wanted = 1
    else:
        found = [image for image in images if _has(image, choice.properties)]
        wanted = choice.newest
    active = sorted((image for image in found if image.status == ACTIVE), key=_newest, reverse=True)[:wanted]
    if active:
        return active, ""
    if found:
        return [], f"image {choice} is {max(found, key=_newest).status}, not active"
    return [], f"image {choice} is not in Glance"


def _has(image: ObservedImage, properties: Sequence[tuple[str, str]]) -> bool:
    return all(image.properties.get(key) == value for key, value in properties)


def _newest(image: ObservedImage) -> tuple[str, str]:
    return image.created_at, image.id
