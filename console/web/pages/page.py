"""What a page is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from console.web.live import Live
from precache.config.operators import OperatorsBlock
from precache.query.api import Reader

View = dict[str, Any]
Parameters = Mapping[str, str]


class NotFoundError(Exception):
    """There is no such page; the text says why."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a page is made from, beside the store.

    Attributes:
        operators: what the file says of the clouds.
        live: what moves.
        now_ns: the present, nanoseconds since the epoch.
    """

    operators: OperatorsBlock
    live: Live
    now_ns: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        name: of its template, and of its entry in the navigation.
        path: below the base path, with parameters in braces.
        title: for people.
        parameters: the query parameters that it takes; others are passed over.
        ask: puts its questions to the store; done in a thread.
        view: makes what is shown, of the answer and of what moves; quick.
        fresh_s: the store is asked again when the answer is so old.
        usable_s: an answer of this age is shown at once, and asked anew behind it.
        token: another value means that the store has something new.
    """

    name: str
    path: str
    title: str
    parameters: tuple[str, ...]
    ask: Callable[[Reader, Parameters, Context], Any]
    view: Callable[[Any, Parameters, Context], View]
    fresh_s: float
    usable_s: float = 0.0
    token: Callable[[Live, Parameters], object] = lambda _live, _parameters: None
