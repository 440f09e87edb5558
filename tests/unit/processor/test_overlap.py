"""The store is written in a thread; whatever happens meanwhile, it is waited for."""

from collections.abc import Sequence
from threading import Event, Timer
from unittest.mock import create_autospec

import pytest

from precache.service.health import Health
from precache.service.shutdown import Stop
from processor.group import Membership
from processor.patience import Patience
from processor.stores import BridgeRow, Row, StoreRetry, WriteReport
from processor.storing import StoreWriter

ROWS = [BridgeRow(1, "c", "i", "consuming", "1", 0, 0, 0, 0)]
LONG_S = 20.0


class Script:
    """A store whose writes end as told: by a report, or by what is raised."""

    def __init__(self, *ends: WriteReport | Exception, until: Event | None = None) -> None:
        self.ends = list(ends)
        self.until = until
        self.begun = Event()
        self.written = 0

    def check(self) -> None:
        """Nothing to check."""

    def write(self, rows: Sequence[Row]) -> WriteReport:
        self.begun.set()
        if self.until is not None:
            assert self.until.wait(LONG_S)
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        self.written += len(rows)
        return end

    def close(self) -> None:
        """Nothing to close."""


def writer(store: Script) -> StoreWriter:
    membership = create_autospec(Membership, instance=True, spec_set=True)
    membership.poll.return_value = []
    membership.any_lost.return_value = False
    return StoreWriter(store, membership, Health(), Patience(Stop(), 1.0))


def test_work_goes_on_while_the_store_is_busy() -> None:
    done = Event()
    store = Script(WriteReport(), until=done)

    def meanwhile() -> None:
        assert store.begun.wait(LONG_S)
        assert store.written == 0
        done.set()

    with writer(store) as target:
        target.write(ROWS, meanwhile)
    assert store.written == len(ROWS)


def test_a_write_that_is_tried_again_does_the_work_once() -> None:
    calls: list[int] = []
    store = Script(StoreRetry("no", retry_after_s=0.0), StoreRetry("no", retry_after_s=0.0), WriteReport())
    with writer(store) as target:
        target.write(ROWS, lambda: calls.append(store.written))
    assert (len(calls), store.written) == (1, len(ROWS))


def test_what_must_not_wait_is_told_once_that_it_will_be_long() -> None:
    said: list[str] = []
    store = Script(StoreRetry("no", retry_after_s=0.0), StoreRetry("no", retry_after_s=0.0), WriteReport())
    with writer(store) as target:
        target.write(ROWS, lambda: said.append("meanwhile"), lambda: said.append("waiting"))
        assert said == ["meanwhile", "waiting"]
        store.ends.append(WriteReport())
        target.write(ROWS, lambda: said.append("meanwhile"), lambda: said.append("waiting"))
    assert said == ["meanwhile", "waiting", "meanwhile"]


def test_without_rows_the_work_is_done_all_the_same() -> None:
    calls: list[int] = []
    with writer(Script()) as target:
        assert target.write([], lambda: calls.append(1)) == WriteReport()
    assert calls == [1]


def test_no_row_is_written_after_the_work_failed() -> None:
    release = Event()
    store = Script(WriteReport(), until=release)

    def fail() -> None:
        assert store.begun.wait(LONG_S)
        Timer(0.05, release.set).start()
        raise ValueError("broken")

    with writer(store) as target:
        with pytest.raises(ValueError, match="broken"):
            target.write(ROWS, fail)
        assert store.written == len(ROWS)
