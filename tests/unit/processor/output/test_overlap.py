"""The store is written in a thread; whatever happens meanwhile, it is waited for."""

from collections.abc import Sequence
from threading import Event, Timer
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from confluent_kafka import Message

from precache.contract.tables.measurements import Row
from precache.runtime.health import Health
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from processor import metrics
from processor.errors import StartOver
from processor.group.membership import Membership
from processor.output.store_retry import StoreRetries
from processor.output.store_writer import StoreWriter
from processor.shutdown import ShutdownGrace
from processor.stores.api import StoreRetry, WriteReport
from tests.support.store_rows import bridge

ROWS = [bridge()]
LONG_S = 20.0


class Script:
    """A store whose writes end as told: by a report, or by what is raised."""

    def __init__(self, *ends: WriteReport | Exception, until: Event | None = None) -> None:
        self.ends = list(ends)
        self.until = until
        self.begun = Event()
        self.written = 0
        self.interrupted = 0

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

    def interrupt(self) -> None:
        self.interrupted += 1
        if self.until is not None:
            self.until.set()

    def close(self) -> None:
        """Nothing to close."""


def member() -> Any:
    membership = create_autospec(Membership, instance=True, spec_set=True)
    membership.poll.return_value = []
    membership.any_lost.return_value = False
    return membership


def writer(store: Script, membership: Any = None, patient_s: float = LONG_S, stop: Stop | None = None) -> StoreWriter:
    grace = ShutdownGrace(stop or Stop(), 0.0)
    return StoreWriter(store, membership or member(), Health(), grace, patient_s, watched=Watched("loop"))


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


def test_what_must_not_wait_is_reported_once_that_it_will_be_long() -> None:
    said: list[str] = []
    store = Script(StoreRetry("no", retry_after_s=0.0), StoreRetry("no", retry_after_s=0.0), WriteReport())
    with writer(store) as target:
        target.write(ROWS, lambda: said.append("meanwhile"), lambda: said.append("waiting"))
        assert said == ["meanwhile", "waiting"]
        store.ends.append(WriteReport())
        target.write(ROWS, lambda: said.append("meanwhile"), lambda: said.append("waiting"))
    assert said == ["meanwhile", "waiting", "meanwhile"]


def test_the_group_is_served_while_one_write_takes_long() -> None:
    release, said = Event(), list[str]()
    store, membership = Script(WriteReport(), until=release), member()

    def poll(_records: int, _timeout_s: float) -> list[object]:
        said.append("poll")
        if len(said) > 3:
            release.set()
        return []

    membership.poll.side_effect = poll
    with writer(store, membership, 0.01) as target:
        target.write(ROWS, lambda: said.append("meanwhile"), lambda: said.append("waiting"))
    assert said[:4] == ["meanwhile", "waiting", "poll", "poll"], "what must not wait is reported before"
    assert store.written == len(ROWS)
    membership.pause.assert_called()
    membership.resume.assert_called_once()


@pytest.mark.parametrize("why", ["lost", "stop", "a record"])
def test_a_long_write_that_is_for_nothing_is_cut_short(why: str) -> None:
    store, membership, stop = Script(StoreRetry("cut short"), until=Event()), member(), Stop()
    if why == "lost":
        membership.any_lost.return_value = True
    elif why == "stop":
        stop.request("enough")
    else:
        message = Mock(spec_set=Message)
        message.error.return_value = None
        membership.poll.return_value = [message]
    with writer(store, membership, 0.01, stop) as target:
        with pytest.raises(StartOver):
            target.write(ROWS)
        assert (store.interrupted, store.written, store.ends) == (1, 0, []), "and it was waited for"


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


def test_a_store_that_asks_for_no_pause_is_not_hammered_and_the_group_is_served() -> None:
    membership = member()
    store = Script(*(StoreRetry("no", retry_after_s=0.0) for _ in range(3)), WriteReport())
    writer(store, membership).write(ROWS)
    assert membership.poll.call_count >= 3


def test_a_store_that_asks_for_a_day_is_tried_again_within_minutes() -> None:
    assert 0.0 <= StoreRetries().add(StoreRetry("no")) < 1.0
    assert StoreRetries().add(StoreRetry("no", retry_after_s=7.0)) >= 7.0
    assert StoreRetries().add(StoreRetry("no", retry_after_s=86_400.0)) == 120.0


def test_what_was_said_of_the_store_does_not_outlast_the_partition_that_had_something_to_write() -> None:
    membership, health = member(), Health()
    membership.any_lost.return_value = True
    waiting = StoreWriter(
        Script(StoreRetry("no")), membership, health, ShutdownGrace(Stop(), 0.0), LONG_S, watched=Watched("loop")
    )
    with pytest.raises(StartOver, match="taken away"):
        waiting.write(ROWS)
    assert health.ready()
    assert metrics.STORE_WAITING._value.get() == 0


def test_figures_go_on_while_the_store_is_waited_for() -> None:
    told: list[bool] = []
    membership = member()
    waiting = StoreWriter(
        Script(StoreRetry("no"), WriteReport()),
        membership,
        Health(),
        ShutdownGrace(Stop(), 0.0),
        LONG_S,
        watched=Watched("loop"),
        serving=lambda: told.append(True),
    )
    waiting.write(ROWS)
    assert told
