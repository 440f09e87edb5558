"""From an address to what is shown: the store's answer and what moves, for one page with its parameters."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from console.web.answers import Answers, BusyError
from console.web.live import Live
from console.web.pages import bridges, lists, operation, operations, overview, residency
from console.web.pages.page import Context, Page, Parameters, View
from precache.config.operators import OperatorsBlock
from precache.contract.times import NS_PER_S
from precache.query.api import QueryError, Reader

NAVIGATION: Final = (
    overview.PAGE,
    operations.PAGE,
    residency.PAGE,
    lists.WANTED,
    lists.BOOTS,
    bridges.PAGE,
)
PAGES: Final = (*NAVIGATION, operation.PAGE)


class Views:
    """Makes the view of a page.

    Args:
        answers: what the store answers.
        live: what moves.
        operators: what the file says of the clouds.
        clock_ns: nanoseconds since the epoch.
    """

    def __init__(
        self, answers: Answers, live: Live, operators: OperatorsBlock, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._answers = answers
        self._live = live
        self._operators = operators
        self._clock_ns = clock_ns

    async def prepare(self) -> None:
        """Ask for the first page, so that the first who looks does not wait for the store."""
        with suppress(QueryError, BusyError):
            await self.view(overview.PAGE, {})

    async def view(self, page: Page, parameters: Parameters, *, is_exact: bool = False) -> View:
        """Return what a page shows now.

        Args:
            page: the page.
            parameters: of its address.
            is_exact: do not begin with what was known a while ago: nothing newer follows by a stream.

        Raises:
            NotFoundError: there is no such thing.
            QueryError: the store can't be read.
            BusyError: too many questions wait.
        """
        context = Context(self._operators, self._live, self._clock_ns())

        def ask(reader: Reader) -> Any:
            return page.ask(reader, parameters, context)

        found = await self._answers.get(
            (page.name, *parameters.items()),
            ask,
            fresh_s=page.fresh_s,
            usable_s=0.0 if is_exact else page.usable_s,
            token=page.token(self._live, parameters),
        )
        return page.view(found, parameters, context)

    def about(self, step_s: int = 1) -> dict[str, Any]:
        """Return what stands around each view; ``step_s``: the time goes in steps of so many seconds."""
        now = datetime.fromtimestamp(self._clock_ns() // (step_s * NS_PER_S) * step_s, UTC)
        return {"as_of": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "live_problem": self._live.problem}
