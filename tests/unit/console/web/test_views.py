"""What a page is made of: an answer of the store that is fresh, or one that was known."""

import asyncio
from typing import Any

import pytest

from console.web.answers import Answers, BusyError
from console.web.live import Live
from console.web.pages import overview
from console.web.pages.overview import LastDay
from console.web.views import Views
from precache.config.operators import OperatorsBlock
from precache.query.api import QueryError


class Known(Answers):
    """Answers with nothing, and notes what was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error = error

    async def get(self, key: object, ask: Any, **given: Any) -> Any:
        del ask
        self.asked.append({"key": key, **given})
        if self.error is not None:
            raise self.error
        return LastDay([], [])


def views(answers: Known) -> Views:
    return Views(answers, Live(None), OperatorsBlock())


def test_a_page_may_begin_with_what_was_known_and_json_may_not() -> None:
    answers = Known()
    asyncio.run(views(answers).view(overview.PAGE, {}))
    asyncio.run(views(answers).view(overview.PAGE, {}, is_exact=True))
    assert [each["usable_s"] for each in answers.asked] == [60.0, 0.0]
    assert [each["fresh_s"] for each in answers.asked] == [5.0, 5.0]


@pytest.mark.parametrize("error", [None, QueryError("away"), BusyError()])
def test_the_first_page_is_asked_for_at_the_start_and_a_store_that_is_away_ends_nothing(
    error: Exception | None,
) -> None:
    answers = Known(error)
    asyncio.run(views(answers).prepare())
    assert [each["key"] for each in answers.asked] == [("overview",)]
