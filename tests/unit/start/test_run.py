"""`precache start` as a whole, with scripted clouds and a scripted feed: what it asks, says, and ends with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from console.start import outcome
from console.start.clouds import CloudAccess
from console.start.request import StartRequest, Terms, has_expired
from console.start.run import Order, StartRun
from console.watch.feeds.api import CannotWatchError, OperationRecord, ProgressRecord, Record
from console.watch.history import History
from console.watch.show.screens import JsonScreen, Manner, PlainScreen
from precache.openstack.api import (
    Aggregate,
    CloudConfigError,
    CloudUnreachableError,
    ComputeHost,
    Image,
    NoResponseError,
    OpenStackError,
    RefusedError,
)
from tests.support.watched import IMAGE, OPERATION, completed, operation, progress

UUID = OPERATION.split("/")[1]
MANNER = Manner(resume="precache watch --kafka k:1")


@dataclass
class FakeCloud:
    """Counts what it is asked."""

    error: OpenStackError | None = None
    asked: list[tuple[list[str], str]] = field(default_factory=list)

    def aggregate(self, wanted: str) -> Aggregate:
        return Aggregate(1, UUID, wanted, ("host1", "host2", "host3"))

    def image(self, wanted: str) -> Image:
        return Image(IMAGE, wanted, "active")

    def compute_hosts(self) -> list[ComputeHost]:
        raise RefusedError("not for you", 403)

    def cache_images(self, aggregate: Aggregate, images: Sequence[str], global_request_id: str) -> str:
        del aggregate
        self.asked.append((list(images), global_request_id))
        if self.error is not None:
            raise self.error
        return "req-1"


class FakeFeed:
    """Gives what a function returns at each poll; the first poll is of the past."""

    def __init__(self, records: Callable[[int], list[Record]] = lambda _: []) -> None:
        self.is_away = False
        self.polls = 0
        self._records = records

    def open(self, limit_s: float, beat: Callable[[], None], /) -> None:
        del limit_s, beat

    def poll(self, timeout_s: float) -> list[Record]:
        del timeout_s
        self.polls += 1
        return self._records(self.polls)

    def close(self) -> None:
        return


class FakeMute:
    def reason(self, request: StartRequest, manner: Manner) -> str:
        return f"mute; {manner.resume} {request.global_request_id}"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each look at the clock take a second."""
    now = iter(range(10**6))
    monkeypatch.setattr("console.start.run.time.monotonic", lambda: float(next(now)))


def start(
    clouds: dict[str, FakeCloud], feed: FakeFeed | None, terms: Terms | None = None, *, as_json: bool = False
) -> int:
    places = [CloudAccess(name) for name in clouds]
    order = Order(places, "foo", ["ubuntu"], separate_images=False, force=False, terms=terms or Terms())
    screen = JsonScreen(MANNER) if as_json else PlainScreen(MANNER)
    how = {"mute": FakeMute(), "history": History(None), "has_past": True}
    made = StartRun(order, feed, screen, MANNER, **how, connect=lambda place: clouds[place.name])  # type: ignore[arg-type]
    return made.run()


def whole(gid: str, **changes: object) -> list[Record]:
    first = operation(1, "running", global_request_id=gid)
    last = completed(global_request_id=gid, **changes)  # type: ignore[arg-type]
    reports = [ProgressRecord(progress(done)) for done in (1, 2, 3)]
    return [OperationRecord(first), *reports, OperationRecord(last)]


def once_asked(cloud: FakeCloud) -> Callable[[int], list[Record]]:
    told = False

    def records(_poll: int) -> list[Record]:
        nonlocal told
        if told or not cloud.asked:
            return []
        told = True
        return whole(cloud.asked[0][1])

    return records


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 5),
        (NoResponseError("paris: lost"), 9),
        (RefusedError("paris: no", 403), 8),
        (CloudUnreachableError("paris: away"), 6),
        (CloudConfigError("paris: unknown"), 2),
    ],
)
def test_nothing_comes_after_each_answer(
    error: OpenStackError | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = FakeCloud(error)
    assert start({"paris": cloud}, FakeFeed(), Terms(retries=3, backoff_s=0.0)) == code
    assert len(cloud.asked) == 1, "never by itself"
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == cloud.asked[0][1]
    assert (str(error) if error else "mute") in err
    assert ("mute" in err) == (code in {5, 9})


@pytest.mark.parametrize("error", [None, NoResponseError("paris: lost")])
def test_start_comes_after_each_answer(error: OpenStackError | None) -> None:
    cloud = FakeCloud(error)
    assert start({"paris": cloud}, FakeFeed(once_asked(cloud))) == 0
    assert len(cloud.asked) == 1


def test_silence_while_kafka_is_away_means_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = FakeCloud()
    feed = FakeFeed()

    def records(poll: int) -> list[Record]:
        # Far longer than START may take.
        feed.is_away = poll < 400
        return [] if poll < 420 else whole(cloud.asked[0][1])

    feed._records = records
    assert start({"paris": cloud}, feed) == 0
    assert feed.polls >= 420
    assert "mute" not in capsys.readouterr().err


def test_kafka_goes_for_good_while_it_follows(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = FakeCloud()

    def records(poll: int) -> list[Record]:
        if poll > 5:
            raise CannotWatchError("topic is gone")
        return []

    assert start({"paris": cloud}, FakeFeed(records)) == 6
    err = capsys.readouterr().err
    assert f"{MANNER.resume} --operation {cloud.asked[0][1]}" in err
    assert "cannot watch: topic is gone" in err


def test_several_clouds_end_with_the_worst(capsys: pytest.CaptureFixture[str]) -> None:
    paris, rome = FakeCloud(), FakeCloud(RefusedError("rome: no", 403))
    assert start({"paris": paris, "rome": rome}, FakeFeed(once_asked(paris))) == 8
    out, err = capsys.readouterr()
    assert "paris: Completed 3 hosts, 0 errors in 3s" in out
    assert "precache: rome: no" in err


def test_a_second_operation_with_its_id_is_reported_and_not_followed(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = FakeCloud()

    def records(_poll: int) -> list[Record]:
        if not cloud.asked:
            return []
        first, *rest = whole(cloud.asked[0][1])
        twin = operation(1, "running", global_request_id=cloud.asked[0][1], operation=f"paris/{UUID}/req-2")
        return [first, OperationRecord(twin), *rest]

    assert start({"paris": cloud}, FakeFeed(records)) == 0
    assert f"warning: paris/{UUID}/req-2 has the same global request id" in capsys.readouterr().err


def test_json_says_how_a_request_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert start({"paris": FakeCloud(RefusedError("no", 403))}, FakeFeed(), as_json=True) == 8
    out = capsys.readouterr().out.splitlines()
    assert '"event":"asking"' in out[0]
    assert '"event":"error","exit_code":8,"error":"no"' in out[-1]


def test_no_wait_without_any_source(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = FakeCloud()
    assert start({"paris": cloud}, None, Terms(wait=False)) == 0
    assert capsys.readouterr().out.splitlines() == [cloud.asked[0][1], OPERATION]


@pytest.mark.parametrize(
    ("failed", "expired"),
    [
        ("", False),
        ("....", False),
        ("...xxx", True),
        ("...xx", False),
        ("..xx.xxx", False),
        ("xxxxx", False),
        (".x", False),
        (".xxxx.", False),
    ],
)
def test_a_token_that_expired_on_the_way(failed: str, *, expired: bool) -> None:
    assert has_expired([each == "x" for each in failed]) is expired


def test_the_wait_for_start_is_the_contracts() -> None:
    assert outcome.START_WITHIN_S == 60.0
