"""The formatter: each format, chosen columns, and texts that could command a terminal."""

import json
from typing import Any

import pytest
import yaml

from console.cli.exits import CommandError
from console.cli.output.formats import Column, Listing, OutputOptions

COLUMNS: tuple[Column[dict[str, Any]], ...] = (
    Column("name", lambda row: row["name"]),
    Column("took_s", lambda row: row["took_s"], "took", lambda value: f"{value:.0f}s"),
    Column("items", lambda row: row["items"], is_wide=True),
)
ROWS = [{"name": "a", "took_s": 1.5, "items": ["x", "y"]}, {"name": "long\x1b[31m", "took_s": 20.0, "items": []}]


def printed(capsys: pytest.CaptureFixture[str], output: OutputOptions, rows: Any = ROWS) -> str:
    output.print(Listing(COLUMNS, rows))
    return capsys.readouterr().out


def test_a_table_in_a_pipe_is_aligned_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, OutputOptions("table")) == "name          took\na             2s\nlong\\x1b[31m  20s\n"
    assert printed(capsys, OutputOptions("wide")).splitlines()[1] == "a             2s    x, y"
    assert printed(capsys, OutputOptions("table", ("items", "name"))).splitlines()[1] == "x, y   a"


def test_json_is_one_object_a_line_with_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, OutputOptions("json"))
    assert [json.loads(line) for line in out.splitlines()] == ROWS
    assert "\x1b" not in out


def test_yaml_is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, OutputOptions("yaml"))
    assert yaml.safe_load(out) == ROWS
    assert "\x1b" not in out


def test_values_come_without_headings_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, OutputOptions("value")) == "a\t1.5\nlong\\x1b[31m\t20.0\n"
    assert printed(capsys, OutputOptions("value", ("items", "took"))).splitlines() == ['["x","y"]\t1.5', "[]\t20.0"]


def test_nothing_prints_nothing_but_an_empty_list_in_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert [printed(capsys, OutputOptions(each), []) for each in ("table", "wide", "json", "value")] == [""] * 4
    assert printed(capsys, OutputOptions("yaml"), []) == "[]\n"


def test_a_column_that_there_is_not() -> None:
    with pytest.raises(CommandError, match="no column 'nome': choose from name, took_s, items"):
        OutputOptions("table", ("nome",)).choose(COLUMNS)


def test_on_a_terminal_the_table_is_richs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "40")
    lines = printed(capsys, OutputOptions("table")).splitlines()
    assert [line.split() for line in lines] == [["name", "took"], ["a", "2s"], ["long\\x1b[31m", "20s"]]
