"""What every store does, checked on each: the same rows are read back the same."""

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs

from precache.contract.heartbeat import Heartbeat, HeartbeatCounts
from precache.contract.operation import ImageResult, Operation
from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from processor.stores.api import WriteReport
from processor.stores.opening import open_store
from tests.support.store_rows import MEASUREMENT, boot, bridge, by_key, expected, image, operation, progress, wanted

CLEAN = WriteReport()
INT64 = (-(2**63), 2**63 - 1)
FLOATS = [0.0, 100.0, 1e16, 1e-5, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 2 / 3, 1e22, 123456789.123]

# What has bitten encoders before: separators, escapes before them, runs of backslashes, at the end and alone.
TEXTS = [
    "",
    " ",
    "  two  ",
    "a,b=c d",
    "\\",
    "\\\\",
    "\\\\\\",
    "end\\",
    "end\\\\",
    "a\\,b",
    "a\\ b",
    "a\\=b",
    "a\\\\,b",
    'say "hi"',
    '\\"',
    '"',
    '\\\\"',
    "one\ntwo",
    "one\r\ntwo\r",
    "\n",
    "\t\x00\x1f\x7f\x85\x9f",
    "%0A",
    "100%",
    "%",
    "#comment",
    "-",
    "é漢字😀\u2028\u00a0\ufeff\ufffd",
    "e\u0301",
    "'; DROP TABLE precache_progress; --",
    "precache_progress,host=x f=1 1",
    "null",
    "x" * 3_000,
]


def some_of_each() -> list[Row]:
    return [progress(), operation(), image(), bridge(), boot(), wanted(), progress(host="cn-2"), operation(images=[])]


def as_read(rows: list[Any]) -> list[dict[str, Any]]:
    return sorted(map(expected, rows), key=by_key)


def test_rows_of_every_type_are_read_back_as_written(place: Any) -> None:
    rows = some_of_each()
    place.store.check()
    assert place.store.write(rows) == CLEAN
    for kind in MEASUREMENT:
        assert place.read(kind) == as_read([row for row in rows if type(row.record) is kind]), kind


def test_a_row_with_the_same_tags_and_time_replaces_the_older_one_whole(place: Any) -> None:
    first = operation(status="running", revision=0, project_id="p")
    later = structs.replace(
        first,
        record=structs.replace(
            first.record, status="completed", revision=2, failed_hosts=[], project_id="", end_missing=False
        ),
    )
    place.store.write([first])
    place.store.write([later])
    assert place.read(Operation) == [expected(later)]


def test_in_one_write_the_last_of_equal_rows_wins(place: Any) -> None:
    versions = [operation(time_ns=7, revision=number) for number in range(50)]
    others = [progress() for _ in range(600)]
    mixed = [row for pair in itertools.zip_longest(others, versions) for row in pair if row is not None]
    place.store.write(mixed)
    assert [point["revision"] for point in place.read(Operation)] == [49]


def test_a_write_repeated_in_whole_or_in_part_changes_nothing(place: Any) -> None:
    rows = [row for _ in range(20) for row in some_of_each()]
    place.store.write(rows)
    before = {kind: place.read(kind) for kind in MEASUREMENT}
    place.store.write(rows)
    place.store.write(random.Random(1).sample(rows, 30))
    assert {kind: place.read(kind) for kind in MEASUREMENT} == before
    assert before[Progress]


def test_no_rows_are_no_trouble(place: Any) -> None:
    place.store.check()
    assert place.store.write([]) == CLEAN
    assert [place.read(kind) for kind in MEASUREMENT] == [[]] * len(MEASUREMENT)


def test_more_rows_than_one_batch_holds_are_all_there(place: Any) -> None:
    rows = [progress(host=f"cn-{number}") for number in range(12_345)]
    assert place.store.write(rows) == CLEAN
    assert place.read(Progress) == as_read(rows)


def test_any_text_in_tags_and_fields_is_read_back(place: Any) -> None:
    in_tags = [progress(aggregate_name=text, host=text[::-1], cloud=text) for text in TEXTS]
    in_fields = [operation(status=text, started_at=text, user_id=text, request_id=text) for text in TEXTS]
    in_lists = [operation(failed_hosts=[text, text], silent_hosts=[text], images=[text, ""]) for text in TEXTS]
    in_progress = [progress(operation=text, images_cached=[text], images_failed=["", text]) for text in TEXTS]
    assert place.store.write([*in_tags, *in_fields, *in_lists, *in_progress]) == CLEAN
    assert place.read(Progress) == as_read([*in_tags, *in_progress])
    assert place.read(Operation) == as_read([*in_fields, *in_lists])


def test_numbers_at_their_edges_are_read_back_exactly(place: Any) -> None:
    edges = [*INT64, 0, -1, 2**53 + 1]
    integers = [progress(index=edge, hosts_total=-edge - 1, hosts_done=edge, hosts_failed=edge) for edge in edges]
    floats = [operation(percent=value, duration_s=value) for value in FLOATS]
    times = [image(time_ns=time) for time in (-(2**63) + 2, -1, 0, 1, 2**63 - 2)]
    assert place.store.write([*integers, *floats, *times]) == CLEAN
    assert place.read(Progress) == as_read(integers)
    assert place.read(Operation) == as_read(floats)
    assert place.read(ImageResult) == as_read(times)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (progress(percent=float("nan")), "percent is not a finite number"),
        (operation(duration_s=float("inf")), "duration_s is not a finite number"),
        (bridge(received=2**63), "received is beyond -9223372036854775808 to 9223372036854775807"),
        (image(hosts_cached=-(2**63) - 1), "hosts_cached is beyond -9223372036854775808 to 9223372036854775807"),
        (progress(time_ns=2**63 - 1), "time is beyond -9223372036854775806 to 9223372036854775806"),
        (progress(time_ns=-(2**63) + 1), "time is beyond -9223372036854775806 to 9223372036854775806"),
        (progress(host="x" * 8_001), f"a tag of 8001 bytes, beginning with '{'x' * 40}'; it may have 8000"),
        (progress(host="half \ud83d"), "text that is not Unicode: surrogates not allowed at character 5"),
        (operation(user_id="half \ud83d"), "text that is not Unicode: surrogates not allowed at character 5"),
        (operation(images=["half \ud83d"]), "text that is not Unicode: surrogates not allowed at character 5"),
        (operation(silent_hosts=["\udc00"]), "text that is not Unicode: surrogates not allowed at character 0"),
        (operation(user_id="é" * 524_289), "user_id has 1048578 bytes; a string may have 1048576"),
    ],
)
def test_a_row_that_no_store_holds_is_refused_by_name_and_the_others_are_there(place: Any, bad: Row, why: str) -> None:
    good = [*some_of_each(), *(progress() for _ in range(30))]
    for where in (0, 7, len(good)):
        report = place.store.write([*good[:where], bad, *good[where:]])
        ((_, row, said),) = report.refused
        assert row is bad
        # The character's number counts from the start of the batch's text of that field.
        assert said.split(" at character")[0] == why.split(" at character", maxsplit=1)[0]
    for kind in MEASUREMENT:
        assert place.read(kind) == as_read([row for row in good if type(row.record) is kind])


def test_many_refused_rows_are_all_named_in_order(place: Any) -> None:
    rows = [progress(percent=float("nan") if number % 3 else 1.0) for number in range(1_000)]
    report = place.store.write(rows)
    assert [(number, row) for number, row, _ in report.refused] == [pair for pair in enumerate(rows) if pair[0] % 3]
    assert place.read(Progress) == as_read([row for number, row in enumerate(rows) if not number % 3])


def test_the_longest_string_and_tags_are_taken(place: Any) -> None:
    longest = operation(user_id="é" * 524_288)
    escaped = progress(cloud="," * 8_000, aggregate_uuid="=" * 8_000, aggregate_name=" " * 8_000, host="\n" * 2_666)
    assert place.store.write([longest, escaped]) == CLEAN
    assert place.read(Operation) == [expected(longest)]
    assert place.read(Progress) == [expected(escaped)]


@pytest.mark.parametrize("name", ["compute-{:05d}", "é漢😀-{:05d}", 'a"\\\n{:05d}'])
def test_lists_of_hosts_are_cut_at_a_whole_name_by_64_kib(place: Any, name: str) -> None:
    hosts = [name.format(number) for number in range(20_000)]
    place.store.write([operation(failed_hosts=hosts, silent_hosts=hosts[:5], hosts_failed=len(hosts))])
    (point,) = place.points("precache_operation")
    stored = json.loads(point["failed_hosts"])
    assert stored == hosts[: len(stored)]
    size = len(point["failed_hosts"].encode())
    one_more = len(json.dumps(hosts[len(stored)], ensure_ascii=False).encode()) + 1
    assert size <= 65_536 < size + one_more
    assert json.loads(point["silent_hosts"]) == hosts[:5]
    assert point["hosts_failed"] == 20_000


def test_a_list_of_images_is_whole_but_for_one_that_no_string_holds(place: Any) -> None:
    images = [f"{number:036d}" for number in range(30_000)]
    some = progress(images_cached=images[:20_000])
    all_of_them = progress(host="cn-2", images_failed=images)
    assert place.store.write([some, all_of_them]) == CLEAN
    whole, cut = place.read(Progress)
    assert whole == expected(some)
    assert cut["images_failed"] == images[: len(cut["images_failed"])]
    assert len(cut["images_failed"]) == (1_048_576 - 1) // 39
    assert cut["images_failed_count"] == 30_000


def test_what_is_written_is_there_for_the_next_process(place: Any) -> None:
    row = operation()
    place.store.write([row])
    place.store.close()
    place.store.close()
    later = open_store(place.config)
    try:
        later.check()
        later.write([progress()])
    finally:
        later.close()
    assert place.read(Operation) == [expected(row)]


TEXT = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('\\,= "\n\r\t%#')), max_size=12)
INTEGER = st.integers(*INT64)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
LIST = st.lists(TEXT, max_size=3)


@st.composite
def any_row(draw: st.DrawFn) -> Row:
    """Every attribute of any type of row, but for a time that keeps two of them apart."""
    make = draw(st.sampled_from([progress, operation, image, bridge, boot, wanted]))
    blank = make().record
    by_type = {str: TEXT, int: INTEGER, float: FLOAT, list: LIST, bool: st.booleans()}
    values = {
        name: draw(by_type[type(value)]) for name, value in structs.asdict(blank).items() if type(value) in by_type
    }
    if make is bridge:
        values |= {name: draw(INTEGER) for name in HeartbeatCounts.__struct_fields__}
    # What follows from another value is not drawn.
    values.pop("images_cached_count", None)
    values.pop("images_failed_count", None)
    row: Row = make(**values)
    return row


@settings(
    max_examples=30,  # each of many rows: a row costs less than a request
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(rows=st.lists(any_row(), min_size=20, max_size=60))
def test_any_values_are_read_back(place: Any, rows: list[Row]) -> None:
    assert place.store.write(rows) == CLEAN
    for kind in MEASUREMENT:
        wanted = {row.time_ns: expected(row) for row in rows if type(row.record) is kind}
        found = {point["time"]: point for point in place.read(kind) if point["time"] in wanted}
        assert found == wanted


def test_bridge_rows_keep_their_instance_apart(place: Any) -> None:
    rows = [bridge(time_ns=5, instance=f"paris-{number}") for number in range(3)]
    place.store.write(rows)
    assert place.read(Heartbeat) == as_read(rows)
