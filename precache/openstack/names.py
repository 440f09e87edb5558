"""Finds what a person named among what a cloud has. Pure."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from precache.openstack.api import Aggregate, Image, RefusedError

_NOT_FOUND = 404
_AMBIGUOUS = 409


def find_aggregate(aggregates: Sequence[Aggregate], wanted: str, place: str) -> Aggregate:
    """Return the aggregate whose id, uuid or name this is.

    Raises:
        RefusedError: there is none, or the text is the id of one and the name of another.
    """
    found = [each for each in aggregates if wanted in {each.uuid, each.name, str(each.id)}]
    if len(found) == 1:
        return found[0]
    if found:
        choice = ", ".join(sorted(each.uuid for each in found))
        raise RefusedError(f"{place}: {wanted!r} fits several aggregates. Give a uuid: {choice}", _AMBIGUOUS)
    near = _near(wanted, (each.name for each in aggregates))
    raise RefusedError(
        f"{place}: no aggregate is called {wanted!r}{near}. `openstack aggregate list` shows what is there",
        _NOT_FOUND,
    )


def find_image(images: Sequence[Image], wanted: str, place: str) -> Image:
    """Return the image of a name, among all that have it.

    Raises:
        RefusedError: there is none, or several: names of images are not unique.
    """
    if len(images) == 1:
        return images[0]
    if images:
        choice = ", ".join(sorted(each.id for each in images))
        raise RefusedError(f"{place}: {len(images)} images are called {wanted!r}. Give an id: {choice}", _AMBIGUOUS)
    raise RefusedError(
        f"{place}: no image {wanted!r} is visible to this user. `openstack image list` shows those that are",
        _NOT_FOUND,
    )


def _near(wanted: str, names: Iterable[str]) -> str:
    near = get_close_matches(wanted, list(names), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
