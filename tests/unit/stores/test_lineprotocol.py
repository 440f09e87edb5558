"""Lines as they are sent, beside those of influxdb-client's Point where that one is right."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point

from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from processor.stores.api import Numbered, RefusedRow, numbered
from processor.stores.influxdb.lineprotocol import Batch, batches
from tests.support.store_rows import MEASUREMENT, OPERATION, UUID, bridge, expected, image, operation, progress

# Point is wrong with the others, so that these are held to the real server alone. It leaves an empty tag out; ends one
# that ends in a backslash with a space, which becomes part of it; writes a newline in a tag as a backslash and an "n",
# which InfluxDB takes for two characters; and drops a field that is not finite without a word.
POINT_IS_RIGHT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20).filter(
    lambda text: not text.endswith("\\")
)


def lines(*rows: Row) -> list[str]:
    refused: list[RefusedRow] = []
    found = [
        line
        for batch in batches(numbered(rows), max_lines=5_000, max_chars=10**7, refused=refused)
        for line in batch.lines
    ]
    assert refused == []
    return found


def by_point(row: Row) -> str:
    """Return the line that influxdb-client makes; it sorts fields by name, so they are put together one by one."""
    values = expected(row)
    time = values.pop("time")
    tags = [
        name for name in values if name in {"cloud", "aggregate_uuid", "aggregate_name", "host", "image", "instance"}
    ]

    def line(field: str, value: Any) -> str:
        point: Any = Point(MEASUREMENT[type(row.record)]).time(time)  # type: ignore[no-untyped-call]
        for tag in tags:
            point = point.tag(tag, values[tag])
        made: str = point.field(field, value).to_line_protocol()
        return made

    prefix = line("x", 1).removesuffix(f" x=1i {time}")
    fields = []
    for name, value in values.items():
        if name not in tags:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, list) else value
            made = line(name, text).removeprefix(f"{prefix} ").removesuffix(f" {time}")
            # It writes true; InfluxDB reads True as well.
            fields.append(f"{name}={value}" if isinstance(value, bool) else made)
    return f"{prefix} {','.join(fields)} {time}"


def test_a_point_of_each_measurement() -> None:
    name = f"aggregate_name=web\\ tier,aggregate_uuid={UUID},cloud=paris"
    assert lines(
        progress(time_ns=12, images_failed=['a"b']),
        operation(time_ns=13),
        image(time_ns=14),
        bridge(time_ns=-15),
    ) == [
        (
            f'precache_progress,{name},host=cn-1 operation="{OPERATION}",index=1i,hosts_total=3i,hosts_done=1i,'
            "hosts_failed=0i,percent=33.333333333333336,"
            'images_cached="[\\"c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2\\"]",images_failed="[\\"a\\\\\\"b\\"]",'
            'images_cached_count=1i,images_failed_count=1i,conductor="ctrl01" 12'
        ),
        (
            f'precache_operation,{name} operation="{OPERATION}",status="completed_with_errors",revision=1i,'
            "hosts_total=3i,hosts_done=2i,hosts_failed=1i,hosts_silent=1i,errors=1i,percent=66.66666666666667,"
            'images="[\\"c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2\\"]",failed_hosts="[\\"cn-2\\"]",silent_hosts="[\\"cn-3\\"]",'
            'started_at="2026-11-18T10:26:40.123456Z",ended_at="",duration_s=151.25,start_missing=False,end_missing=True,'
            'request_id="req-5c2d7f7e-1111-4222-8333-444455556666",project_id="",user_id="admin",'
            'global_request_id="req-00000000-0000-4000-8000-0000000000ff",conductor="ctrl01" 13'
        ),
        (
            f"precache_image,{name},image=c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2 "
            f'operation="{OPERATION}",hosts_cached=1i,hosts_failed=1i 14'
        ),
        (
            'precache_bridge,cloud=paris,instance=paris-1 version="1.0.0",state="running",received=10i,forwarded=9i,'
            "deadlettered=1i,in_flight=0i -15"
        ),
    ]


@pytest.mark.parametrize(
    ("tag", "in_line"),
    [
        ("a b", "a\\ b"),
        ("a,b", "a\\,b"),
        ("a=b", "a\\=b"),
        ("a\\,b", "a\\\\,b"),
        ("a\\b", "a\\b"),
        ("a\\\\b", "a\\\\b"),
        ("a\\", "a%5C"),
        ("", "-"),
        ('"', '"'),
        ("a\nb", "a%0Ab"),
    ],
)
def test_a_tag_in_a_line(tag: str, in_line: str) -> None:
    (line,) = lines(bridge(cloud="c", instance=tag, time_ns=1))
    assert line.startswith(f'precache_bridge,cloud=c,instance={in_line} version="1.0.0",state="running"')


@given(tag=POINT_IS_RIGHT, other=POINT_IS_RIGHT, text=st.text(st.characters(codec="utf-8")), number=st.integers())
def test_lines_are_those_of_influxdb_client_where_it_is_right(tag: str, other: str, text: str, number: int) -> None:
    number %= 2**63
    rows: list[Row] = [
        progress(cloud=tag, aggregate_name=other, host=tag, operation=text, index=-number, images_cached=[text]),
        operation(aggregate_name=tag, status=text, errors=number, failed_hosts=[text, other], user_id=text),
        image(image=tag, hosts_cached=number),
        bridge(instance=tag, state=text),
    ]
    assert lines(*rows) == [by_point(row) for row in rows]


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_every_bit(value: float) -> None:
    (line,) = lines(operation(duration_s=value))
    written = float(line.split("duration_s=")[1].split(",")[0])
    assert written == value
    assert math.copysign(1, written) == math.copysign(1, value)


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_000, 2_345])
@pytest.mark.parametrize(
    ("max_lines", "max_chars"), [(1, 10**7), (7, 10**7), (500, 10**7), (700, 10**7), (5_000, 4_000)]
)
def test_batches_hold_every_row_once_in_order_within_their_bounds(count: int, max_lines: int, max_chars: int) -> None:
    rows = [progress(index=number) for number in range(count)]
    made = list(batches(numbered(rows), max_lines=max_lines, max_chars=max_chars, refused=[]))
    assert [each for batch in made for each in batch.rows] == numbered(rows)
    assert [line for batch in made for line in batch.lines] == (lines(*rows) if rows else [])
    for batch in made:
        assert 0 < len(batch.rows) == len(batch.lines) <= max_lines
        assert batch.chars == sum(map(len, batch.lines)) <= max_chars
        assert batch.body() == "\n".join(batch.lines).encode()
    if max_chars == 10**7:
        assert len(made) < 2 + 2 * count / max_lines


def test_a_line_longer_than_a_batch_goes_alone() -> None:
    rows = [progress(index=number, images_cached=["x" * (2_000 if number == 5 else 1)]) for number in range(11)]
    made = list(batches(numbered(rows), max_lines=100, max_chars=1_500, refused=[]))
    assert [each for batch in made for each in batch.rows] == numbered(rows)
    (alone,) = [batch for batch in made if Numbered(5, rows[5]) in batch.rows]
    assert alone.rows == [Numbered(5, rows[5])]


def test_batches_are_encoded_as_they_are_asked_for() -> None:
    refused: list[RefusedRow] = []
    rows = [progress(percent=math.nan if number == 4_000 else 1.0) for number in range(5_000)]
    made = batches(numbered(rows), max_lines=500, max_chars=10**7, refused=refused)
    next(made)
    assert refused == []
    assert sum(len(batch) for batch in made) == 4_499
    assert [(index, row) for index, row, _ in refused] == [(4_000, rows[4_000])]


def test_a_batch_in_parts() -> None:
    rows = numbered(progress(host=f"cn-{number}") for number in range(5))
    (batch,) = batches(rows, max_lines=5_000, max_chars=10**7, refused=[])
    first, rest = batch.halves()
    assert (first.rows, rest.rows) == (rows[:2], rows[2:])
    assert first.lines + rest.lines == batch.lines
    assert first.chars + rest.chars == batch.chars
    some = batch.only([rows[1], rows[4]])
    assert some == Batch(
        [rows[1], rows[4]], [batch.lines[1], batch.lines[4]], len(batch.lines[1]) + len(batch.lines[4])
    )
    assert isinstance(some.rows[0].row.record, Progress)
