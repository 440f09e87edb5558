"""The InfluxDB store's decisions, on a server that refuses by script."""

import math
import re
import time
from collections.abc import Callable, Sequence

import pytest

from precache.contract.tables.measurements import Row
from processor.stores.api import RefusedRow, StoreError, StoreFatal, StoreRetry, WriteReport
from processor.stores.influxdb.errors import BatchRefusedError, BatchTooLargeError
from processor.stores.influxdb.store import InfluxStore
from tests.support.store_rows import image, operation, progress

HOUR_NS = 3_600_000_000_000


class FakeInflux:
    """A bucket that takes lines as InfluxDB 2.7 does: all but the bad ones (422), or none (400)."""

    def __init__(self, *, status: int = 422, counts: bool = False) -> None:
        self.stored: dict[str, str] = {}
        self.requests: list[int] = []
        self.status = status
        # Whether a 422 says how many points were dropped; for several kinds of trouble it names one only.
        self.counts = counts
        self.bad: Callable[[str], bool] = lambda _: False
        self.max_bytes = 10**9
        self.keeps_s: int | None = None
        self.known_keeps_s: int | None = None
        self.retention_asked = 0
        self.errors: list[StoreError] = []
        self.closed = False
        self.on_post: Callable[[], None] = lambda: None

    def post(self, body: bytes) -> None:
        lines = body.decode().split("\n") if body else []
        self.requests.append(len(lines))
        self.on_post()
        if self.errors:
            raise self.errors.pop(0)
        if len(body) > self.max_bytes:
            raise BatchTooLargeError("too large")
        old = [line for line in lines if self._too_old(line)]
        bad = [line for line in lines if line not in old and self.bad(line)]
        if self.status == 400 and bad:
            raise BatchRefusedError("unable to parse", dropped=0, too_old=False)
        for line in lines:
            if line not in old and line not in bad:
                self.stored[line.rsplit(" ", 1)[1] + re.split(r"(?<!\\) ", line)[0]] = line
        if bad:
            raise BatchRefusedError("conflict", dropped=len(bad) if self.counts else 0, too_old=False)
        if old:
            raise BatchRefusedError("too old", dropped=len(old) if self.counts else 0, too_old=True)

    def _too_old(self, line: str) -> bool:
        return self.keeps_s is not None and int(line.rsplit(" ", 1)[1]) < time.time_ns() - self.keeps_s * 10**9

    def retention_s(self) -> int | None:
        self.retention_asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.known_keeps_s

    def close(self) -> None:
        self.closed = True

    def hosts(self) -> set[str]:
        return {line.split("host=")[1].split(" ")[0] for line in self.stored.values()}


def numbered(count: int) -> list[Row]:
    return [progress(host=f"cn-{number}", index=number) for number in range(count)]


def bad_hosts(numbers: Sequence[int]) -> Callable[[str], bool]:
    names = {f"host=cn-{number} " for number in numbers}
    return lambda line: any(name in line for name in names)


@pytest.mark.parametrize("counts", [False, True])
def test_every_other_row_refused_for_its_time_takes_few_requests(*, counts: bool) -> None:
    server = FakeInflux(counts=counts)
    old = set(range(0, 5_000, 2))
    rows = [progress(host=f"cn-{number}", time_ns=(1 if number in old else 10**9) + number) for number in range(5_000)]
    server.bad = lambda line: int(line.rsplit(" ", 1)[1]) < 10**9
    report = InfluxStore(server, 5_000).write(rows)
    assert sorted(map(id, (one.row for one in report.refused))) == sorted(id(rows[number]) for number in old)
    assert server.hosts() == {f"cn-{number}" for number in range(5_000) if number not in old}
    if counts:
        assert len(server.requests) < 40
    else:
        assert len(server.requests) < 2 * 2_500 + 40, "each refused one by itself, where the server tells no count"


def test_of_rows_with_one_time_the_last_wins_also_when_others_are_refused() -> None:
    server = FakeInflux()
    server.bad = bad_hosts([1, 4])
    rows = [
        progress(host=f"cn-{number}", time_ns=time_ns, index=round_)
        for round_ in range(3)
        for time_ns in (7, 5)
        for number in range(6)
    ]
    report = InfluxStore(server, 5_000).write(rows)
    assert len(report.refused) == 12
    assert len(server.stored) == 8
    assert all("index=2i" in line for line in server.stored.values())


def test_a_write_of_many_requests_can_be_given_up_between_them() -> None:
    server = FakeInflux()
    server.bad = bad_hosts([500])
    store = InfluxStore(server, 5_000)
    server.on_post = lambda: store.interrupt() if len(server.requests) == 3 else None
    with pytest.raises(StoreRetry, match="given up"):
        store.write(numbered(1_000))
    assert len(server.requests) == 3
    server.on_post = lambda: None
    assert len(store.write(numbered(1_000)).refused) == 1, "the next one is another matter"


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("bad", [[0], [999], [500], [3, 4], [1, 250, 251, 998]])
def test_bad_rows_are_found_and_the_others_are_written(status: int, bad: list[int]) -> None:
    server = FakeInflux(status=status)
    server.bad = bad_hosts(bad)
    rows = numbered(1_000)
    report = InfluxStore(server, 1_000).write(rows)
    assert [row for _, row, _ in report.refused] == [rows[number] for number in bad]
    assert {why for _, _, why in report.refused} == {"unable to parse" if status == 400 else "conflict"}
    assert server.hosts() == {f"cn-{number}" for number in range(1_000)} - {f"cn-{number}" for number in bad}
    # Two requests for each halving on the way to each bad row, and the first.
    assert len(server.requests) <= 1 + 2 * len(bad) * math.ceil(math.log2(1_000))


@pytest.mark.parametrize("status", [400, 422])
def test_a_batch_with_nothing_but_bad_rows_ends(status: int) -> None:
    server = FakeInflux(status=status)
    server.bad = lambda _: True
    rows = numbered(100)
    report = InfluxStore(server, 1_000).write(rows)
    assert [row for _, row, _ in report.refused] == rows
    assert len(server.requests) == 2 * 100 - 1
    assert server.stored == {}


def test_a_server_that_says_how_many_it_dropped_is_not_asked_for_each() -> None:
    server = FakeInflux(counts=True)
    server.bad = lambda line: line.startswith("precache_progress")
    rows = [*numbered(4_000), *(image() for _ in range(500))]
    report = InfluxStore(server, 5_000).write(rows)
    assert sorted(row.time_ns for _, row, _ in report.refused) == sorted(row.time_ns for row in rows[:4_000])
    assert len(server.stored) == 500
    assert len(server.requests) < 30


def test_every_other_row_bad_is_bounded() -> None:
    server = FakeInflux()
    server.bad = bad_hosts(range(0, 256, 2))
    report = InfluxStore(server, 1_000).write(numbered(256))
    assert len(report.refused) == 128
    assert len(server.stored) == 128
    assert len(server.requests) < 2 * 256


def test_rows_that_cannot_be_encoded_are_named_beside_those_the_server_refuses() -> None:
    server = FakeInflux()
    server.bad = bad_hosts([7])
    rows = numbered(10)
    rows[3] = progress(percent=math.inf)
    report = InfluxStore(server, 4).write(rows)
    assert sorted(why for _, _, why in report.refused) == ["conflict", "percent is not a finite number"]
    assert len(server.stored) == 8


def test_a_request_too_large_is_halved_and_the_size_remembered() -> None:
    server = FakeInflux()
    server.max_bytes = 20_000
    store = InfluxStore(server, 5_000)
    rows = numbered(1_000)
    assert store.write(rows) == WriteReport()
    assert len(server.stored) == 1_000
    refused = len(server.requests)
    server.requests.clear()
    server.stored.clear()
    assert store.write(rows) == WriteReport()
    assert len(server.stored) == 1_000
    assert len(server.requests) < refused
    assert max(server.requests) < 60


def test_a_row_too_large_by_itself_is_refused() -> None:
    server = FakeInflux()
    server.max_bytes = 20_000
    large = progress(images_cached=["x" * 30_000])
    rows = [*numbered(5), large]
    report = InfluxStore(server, 5_000).write(rows)
    assert report.refused == (RefusedRow(rows.index(large), large, "too large"),)
    assert len(server.stored) == 5


def test_of_equal_rows_the_later_wins_even_when_their_batch_is_taken_apart() -> None:
    server = FakeInflux()
    server.bad = lambda line: 'status="bad"' in line
    versions = [operation(time_ns=5, revision=number) for number in range(20)]
    rows = [*versions[:10], operation(status="bad"), *versions[10:]]
    report = InfluxStore(server, 5_000).write(rows)
    assert [row for _, row, _ in report.refused] == [rows[10]]
    (line,) = server.stored.values()
    assert "revision=19i" in line


@pytest.mark.parametrize("error", [StoreRetry("down"), StoreRetry("who?", actionable=True), StoreFatal("no")])
def test_an_error_of_the_server_is_raised_and_the_same_rows_can_be_written_again(error: StoreError) -> None:
    server = FakeInflux()
    store = InfluxStore(server, 100)
    store.check()
    server.errors = [error]
    with pytest.raises(type(error)) as raised:
        store.write(numbered(250))
    assert raised.value is error
    assert store.write(numbered(250)) == WriteReport()
    assert len(server.hosts()) == 250


def test_check_asks_for_token_bucket_and_retention_and_writes_nothing() -> None:
    server = FakeInflux()
    InfluxStore(server, 100).check()
    assert (server.requests, server.retention_asked, server.stored) == ([0], 1, {})


def test_check_is_content_with_a_server_that_wants_a_point() -> None:
    class WantsPoints(FakeInflux):
        def post(self, body: bytes) -> None:  # noqa: ARG002
            raise BatchRefusedError("no points", dropped=0, too_old=False)

    server = WantsPoints()
    InfluxStore(server, 100).check()
    assert server.retention_asked == 1


def test_check_raises_what_the_server_says() -> None:
    server = FakeInflux()
    server.errors = [StoreRetry("no bucket", actionable=True)]
    with pytest.raises(StoreRetry, match="no bucket"):
        InfluxStore(server, 100).check()


def aged(*ages_h: float) -> list[Row]:
    now = time.time_ns()
    return [progress(host=f"cn-{number}", time_ns=now - int(age * HOUR_NS)) for number, age in enumerate(ages_h)]


def test_points_older_than_the_bucket_keeps_are_left_out_and_counted() -> None:
    server = FakeInflux()
    server.keeps_s = server.known_keeps_s = 3_600
    report = InfluxStore(server, 100).write(aged(0.1, 1.1, 0.9, 48, -1))
    assert report == WriteReport(dropped_old=2)
    assert server.hosts() == {"cn-0", "cn-2", "cn-4"}
    assert server.requests == [3]


@pytest.mark.parametrize("counts", [True, False])
def test_a_bucket_that_now_keeps_less_is_asked_once_more(*, counts: bool) -> None:
    server = FakeInflux(counts=counts)
    server.known_keeps_s = 48 * 3_600
    store = InfluxStore(server, 1_000)
    store.check()
    store._retention._read_at = time.monotonic() - 60
    server.keeps_s = server.known_keeps_s = 3_600
    report = store.write(aged(*(number / 100 for number in range(500))))
    assert report == WriteReport(dropped_old=400)
    assert len(server.stored) == 100
    assert server.retention_asked == 2
    assert len(server.requests) == 3


@pytest.mark.parametrize("counts", [True, False])
def test_where_the_token_does_not_see_the_bucket_old_points_are_found_by_their_refusal(*, counts: bool) -> None:
    server = FakeInflux(counts=counts)
    server.keeps_s = 3_600
    report = InfluxStore(server, 1_000).write(aged(0.5, 2, 3, 0.6))
    assert report == WriteReport(dropped_old=2)
    assert server.hosts() == {"cn-0", "cn-3"}


def test_old_and_bad_points_in_one_batch_are_told_apart() -> None:
    server = FakeInflux(counts=True)
    server.keeps_s = 3_600
    server.bad = bad_hosts([0, 5])
    rows = aged(0.1, 0.2, 5, 0.3, 6, 0.4)
    report = InfluxStore(server, 1_000).write(rows)
    assert [row for _, row, _ in report.refused] == [rows[5], rows[0]], "by their times"
    assert report.dropped_old == 2
    assert server.hosts() == {"cn-1", "cn-3"}


def test_the_retention_is_read_again_now_and_then() -> None:
    server = FakeInflux()
    store = InfluxStore(server, 100)
    store.check()
    for _ in range(5):
        store.write(numbered(1))
    assert server.retention_asked == 1
    store._retention._read_at = time.monotonic() - 601
    server.known_keeps_s = 3_600
    assert store.write(aged(2)).dropped_old == 1
    assert server.retention_asked == 2


def test_a_retention_that_cannot_be_read_does_not_stop_writes() -> None:
    server = FakeInflux()
    store = InfluxStore(server, 100)
    server.errors = [StoreRetry("not now")]
    assert store.write(numbered(3)) == WriteReport()
    assert len(server.stored) == 3


def test_all_rows_too_old_make_no_request() -> None:
    server = FakeInflux()
    server.known_keeps_s = 3_600
    assert InfluxStore(server, 100).write(aged(2, 3)) == WriteReport(dropped_old=2)
    assert server.requests == []


def test_closing_closes_the_client() -> None:
    server = FakeInflux()
    InfluxStore(server, 100).close()
    assert server.closed


def test_points_of_a_series_stand_side_by_side_in_the_order_of_their_times() -> None:
    server = FakeInflux()
    places = [(cloud, host) for _ in range(2) for host in ("b", "a") for cloud in ("rome", "paris")]
    rows = [progress(cloud=cloud, host=host, time_ns=HOUR_NS + at) for at, (cloud, host) in enumerate(places)]
    InfluxStore(server, 1_000).write(rows)
    times = [int(line.rsplit(" ", 1)[1]) - HOUR_NS for line in server.stored.values()]
    assert times == [3, 7, 1, 5, 2, 6, 0, 4]
    assert server.requests == [8]
