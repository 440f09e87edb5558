"""Dead letters as a person sees them."""

import orjson
import pytest

from console.cli.output.texts import json_line
from console.deadletters.letters import LETTERS, Filter, Letter, pretty, text_headers

HEADERS = {
    "precache_reason": "late",
    "precache_detail": "operation x was closed\nbefore this came",
    "precache_cloud": "paris",
    "precache_origin": "nova.notifications/3/17",
    "precache_received_at": "2026-11-22T06:24:38.695481Z",
}


def letter(**headers: str) -> Letter:
    return Letter(3, 1234, 1_795_328_678_695, 42, HEADERS | headers)


def row(letter: Letter, *, cut: bool) -> list[str]:
    return [column.text(letter, cut=cut) for column in LETTERS if not column.is_wide]


def test_a_row() -> None:
    names = [column.name for column in LETTERS]
    assert names[:7] == ["place", "time", "cloud", "reason", "replayed", "origin", "detail"]
    assert set(names[7:]) == {"partition", "offset", "size"}
    assert row(letter(), cut=True) == [
        "3/1234",
        "2026-11-22T06:24:38.695481Z",
        "paris",
        "late",
        "",
        "nova.notifications/3/17",
        "operation x was closed before this came",
    ]


def test_long_texts_are_cut_on_a_terminal_alone() -> None:
    long = letter(precache_detail="x" * 100)
    assert row(long, cut=True)[-1] == "x" * 59 + "…"
    assert row(long, cut=False)[-1] == "x" * 100
    (detail,) = (column for column in LETTERS if column.name == "detail")
    assert detail.value(long) == "x" * 100


def test_without_headers() -> None:
    bare = Letter(0, 1, 1_795_328_678_695, 0, {})
    assert bare.time == "2026-11-22T06:24:38.695Z"
    assert (bare.cloud, bare.reason) == ("", "")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), True),
        (Filter(cloud="paris"), True),
        (Filter(cloud="rome"), False),
        (Filter(reason="late"), True),
        (Filter(reason="not-json"), False),
        (Filter("paris", "late"), True),
        (Filter("paris", "not-json"), False),
    ],
)
def test_filter(wanted: Filter, *, found: bool) -> None:
    assert wanted(letter()) is found


HOSTILE = "a\x1b[2Jb\x9b2Jc\u202ed\r"


def test_nothing_commands_a_terminal() -> None:
    shown = row(letter(precache_detail=HOSTILE, precache_cloud="\x1b]0;x\x07"), cut=False)
    assert shown[-1] == r"a\x1b[2Jb\x9b2Jc\u202ed"
    assert all(cell.isprintable() for cell in shown)
    for body in (HOSTILE.encode(), orjson.dumps({HOSTILE: [HOSTILE]}), b"\x1b\xff"):
        assert pretty(body).replace("\n", "").isprintable()
    assert pretty(b"a\n\tb") == "a\n\tb"
    line = json_line({"detail": HOSTILE, "wide": "\U000e0001"})
    assert line.isprintable()
    assert orjson.loads(line) == {"detail": HOSTILE, "wide": "\U000e0001"}


def test_pretty() -> None:
    assert pretty(b'{"a": [1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty(b"hello \xff") == "hello \\xff"
    assert pretty(b"") == ""


def test_headers_that_are_no_text() -> None:
    assert text_headers([("a", b"\xff"), ("b", None), ("c", "é".encode())]) == {"a": "\\xff", "b": "", "c": "é"}
