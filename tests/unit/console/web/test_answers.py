"""Questions to the store: each once at a time, answers for a moment."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.web.answers import Answers, BusyError
from precache.config.store import SqliteStoreConfig
from precache.query.api import QueryError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Store:
    """Counts the questions; each answer is the number of the question."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, _reader: Any) -> int:
        self.asked += 1
        answer = self.asked
        assert self.gate.wait(10)
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(tmp_path: Path, clock: Clock) -> Iterator[Answers]:
    made = Answers(SqliteStoreConfig(type="sqlite", path=tmp_path / "s.sqlite"), clock)
    yield made
    made.close()


def test_an_answer_is_used_while_it_is_fresh(answers: Answers, clock: Clock) -> None:
    store = Store()

    async def main() -> list[int]:
        found = [await answers.get("q", store, fresh_s=5) for _ in range(3)]
        clock.now += 6
        return [*found, await answers.get("q", store, fresh_s=5)]

    assert asyncio.run(main()) == [1, 1, 1, 2]


def test_a_usable_answer_comes_at_once_and_a_new_one_behind_it(answers: Answers, clock: Clock) -> None:
    store = Store()

    async def main() -> list[int]:
        found = [await answers.get("q", store, fresh_s=5, usable_s=60)]
        clock.now += 10
        found.append(await answers.get("q", store, fresh_s=5, usable_s=60))
        await asyncio.sleep(0.3)
        found.append(await answers.get("q", store, fresh_s=5, usable_s=60))
        clock.now += 100
        return [*found, await answers.get("q", store, fresh_s=5, usable_s=60)]

    assert asyncio.run(main()) == [1, 1, 2, 3]


def test_an_answer_of_before_a_change_is_not_used(answers: Answers) -> None:
    store = Store()

    async def main() -> list[int]:
        return [await answers.get("q", store, fresh_s=5, usable_s=60, token=token) for token in (1, 1, 2)]

    assert asyncio.run(main()) == [1, 1, 2]


def test_a_hundred_who_ask_the_same_ask_once_and_one_who_leaves_ends_nothing(answers: Answers) -> None:
    store = Store()
    store.gate.clear()

    async def main() -> list[int]:
        tasks = [asyncio.create_task(answers.get("q", store, fresh_s=5)) for _ in range(100)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        store.gate.set()
        return list(await asyncio.gather(*tasks[1:]))

    assert asyncio.run(main()) == [1] * 99


def test_too_many_questions_are_refused(answers: Answers) -> None:
    store = Store()
    store.gate.clear()

    async def main() -> int:
        tasks = [asyncio.create_task(answers.get(number, store, fresh_s=5)) for number in range(200)]
        await asyncio.sleep(0.05)
        store.gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(each, BusyError) for each in found)

    assert asyncio.run(main()) == 200 - 64


def test_an_error_is_not_kept(answers: Answers) -> None:
    def fails(_reader: Any) -> int:
        raise QueryError("away")

    async def main() -> int:
        with pytest.raises(QueryError):
            await answers.get("q", fails, fresh_s=5)
        found: int = await answers.get("q", Store(), fresh_s=5)
        return found

    assert asyncio.run(main()) == 1


def test_few_answers_are_kept(answers: Answers) -> None:
    store = Store()

    async def main() -> None:
        for number in range(300):
            await answers.get(number, store, fresh_s=500)
        await answers.get(299, store, fresh_s=500)
        assert store.asked == 300
        await answers.get(0, store, fresh_s=500)
        assert store.asked == 301

    asyncio.run(main())
