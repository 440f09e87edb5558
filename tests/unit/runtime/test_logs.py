import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from precache.runtime import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""  # stdout belongs to the command's own output
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_one_json_line_in_reading_order(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.log.info("bridge.consuming", cloud="paris", queue="precache.info")
    line = capsys.readouterr().err
    assert list(json.loads(line)) == ["timestamp", "level", "event", "cloud", "queue"]
    assert json.loads(line)["timestamp"].endswith("Z")


def test_secrets_are_masked_in_fields_texts_and_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.log.warning("lost amqp://u:hush@h", url="amqp://u:hush@h", password="hush", nested={"token": "hush"})
    try:
        Path("amqp://u:hush@h").read_text()
    except OSError:
        logs.log.exception("failed")
    logging.getLogger("other.library").error("no answer from %s", "amqp://u:hush@h")
    captured = capsys.readouterr().err
    assert len(captured.splitlines()) == 3
    assert "Traceback" in captured
    assert "hush" not in captured


def test_other_libraries_come_out_in_the_same_form_from_warning_on(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", level="debug")
    logging.getLogger("oslo.messaging").info("chatter")
    logging.getLogger("oslo.messaging").warning("trouble %d", 5)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    found = lines(capsys)
    assert [(line["level"], line["logger"]) for line in found] == [
        ("warning", "oslo.messaging"),
        ("warning", "py.warnings"),
    ]
    assert found[0]["event"] == "trouble 5"


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level(level: logs.Level, written: int, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", level)
    for write in (logs.log.debug, logs.log.info, logs.log.warning, logs.log.error):
        write("x")
    assert len(lines(capsys)) == written


def test_a_terminal_gets_lines_to_read_and_a_pipe_gets_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.configure()
    logs.log.info("a.b", x=1)
    assert [line["event"] for line in lines(capsys)] == ["a.b"]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.configure()
    logs.log.info("a.b", x=1)
    assert not capsys.readouterr().err.startswith("{")


def test_a_traceback_on_a_terminal_shows_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console")
    hidden = "a value that stands in a variable"
    try:
        len(hidden) / 0
    except ZeroDivisionError:
        logs.log.exception("failed")
    captured = capsys.readouterr().err
    assert "ZeroDivisionError" in captured
    assert "stands in a variable" not in captured.replace('hidden = "a value that stands in a variable"', "")


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

        def flush(self) -> None:
            raise BrokenPipeError

    logs.configure("json")
    monkeypatch.setattr(sys, "stderr", Broken())
    logs.log.error("x")
    logging.getLogger("pika").error("x")


def test_whatever_a_field_holds_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.log.info("x", odd=object, raw=b"\xff", keys={1: 2}, far=2**70, bad="\ud800", error=OSError("gone"))
    assert [line["event"] for line in lines(capsys)] == ["x"]


def test_until_a_command_sets_its_logs_up_nothing_but_errors_is_written_and_never_to_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.quiet()
    logs.log.debug("a.debug")
    logs.log.warning("a.warning")
    logs.log.error("an.error", why="d")
    written = capsys.readouterr()
    assert written.out == ""
    assert len(written.err.splitlines()) == 1
    assert "an.error" in written.err
