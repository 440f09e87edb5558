"""The watcher's words, its exit codes and its JSON."""

import random

import pytest
from msgspec import to_builtins

from console.watch import exit_codes
from console.watch.events import Finished, Progressed, Resumed, Stalled, Started, TimedOut
from console.watch.show import lines
from console.watch.show.jsonlines import as_object
from precache.contract.identity import natural
from tests.support.watched import IMAGE, OPERATION, completed, counts, operation, progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.49, "0s"),
        (0.5, "1s"),
        (3.26, "3s"),
        (59.4, "59s"),
        (59.5, "1m00s"),
        (60.0, "1m00s"),
        (151.0, "2m31s"),
        (3_599.5, "1h00m"),
        (3_725.0, "1h02m"),
        (90_061.0, "25h01m"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert lines.duration(seconds) == text


def test_natural_order() -> None:
    names = ["db1", "db01", "db2", "db10", "a", "10", "9", "rack2-db1", "rack2-db", "rack10-db1", "\u0664x"]
    expected = ["9", "10", "a", "db01", "db1", "db2", "db10", "rack2-db", "rack2-db1", "rack10-db1", "\u0664x"]
    for seed in range(20):
        shuffled = random.Random(seed).sample(names, len(names))
        assert sorted(shuffled, key=natural) == expected


def test_the_lines_of_the_authors_example() -> None:
    failed = [f"guaranine{number}" for number in (9, 2, 3, 8, 4, 5, 7, 6)]
    record = completed(total=95, failed=failed, duration_s=151.2)
    assert lines.started(operation(1, "running", total=95)) == "Image cache started on 95 hosts"
    last = progress(95, total=95, errors=8, aggregate_name="foo")
    assert lines.progressed(last) == "Aggregate 'foo' host 95: 100% complete (8 errors)"
    assert lines.finished(record) == [
        "Completed 95 hosts, 8 errors in 2m31s",
        "Errors from hosts:",
        *(f"guaranine{number}" for number in range(2, 10)),
        f"Image {IMAGE} failed 8 times",
    ]


def test_percent_has_no_digits() -> None:
    assert "host 2: 67% complete" in lines.progressed(progress(2))


def test_silent_hosts_and_images_in_order() -> None:
    record = operation(
        2,
        "completed_with_errors",
        done=1,
        errors=3,
        failed_hosts=["db1"],
        silent_hosts=["db12", "db2"],
        hosts_silent=2,
        image_counts=counts({"b": 2, "a": 1, "c": 0}),
    )
    assert lines.finished(record) == [
        "Completed 1 hosts, 3 errors in 3s",
        "Errors from hosts:",
        "db1",
        "No answer from hosts:",
        "db2",
        "db12",
        "Image a failed 1 times",
        "Image b failed 2 times",
    ]


def test_nothing_but_the_count_when_all_went_well() -> None:
    assert lines.finished(completed(total=0)) == ["Completed 0 hosts, 0 errors in 3s"]


def test_control_characters_in_names_stay_out_of_the_terminal() -> None:
    report = progress(1, aggregate_name="a\x1b[2Jb\nc\u202e'é")
    assert lines.progressed(report) == "Aggregate 'a\\x1b[2Jb\\nc\\u202e'é' host 1: 33% complete (0 errors)"


@pytest.mark.parametrize(
    ("status", "errors", "silent", "code"),
    [
        ("completed", 0, 0, 0),
        ("completed_with_errors", 8, 0, 1),
        ("completed_with_errors", 9, 1, 1),
        ("completed_with_errors", 0, 1, 3),
        ("abandoned", 0, 3, 4),
        ("abandoned", 5, 3, 4),
        ("stalled", 0, 0, 4),
    ],
)
def test_exit_codes(status: str, errors: int, silent: int, code: int) -> None:
    assert exit_codes.of(operation(2, status, errors=errors, hosts_silent=silent)) == code


def test_json_of_every_event() -> None:
    record = completed(failed=["host2"])
    assert as_object(Started(record))["hosts_total"] == 3
    report = progress(2, errors=1)
    assert as_object(Progressed(report)) == {"event": "progress", **to_builtins(report)}
    assert as_object(Stalled(record))["event"] == "stalled"
    assert as_object(Resumed(record)) == {
        "event": "resumed",
        "operation": OPERATION,
        "hosts_total": 3,
        "hosts_done": 3,
        "errors": 1,
        "percent": 100.0,
    }
    assert as_object(Finished(record, 1)) == {"event": "finished", "exit_code": 1, **to_builtins(record)}
    assert as_object(TimedOut(None, 0, 5)) == {"event": "timeout", "exit_code": 5, "operation": None, "hosts_done": 0}
    assert as_object(TimedOut(record, 2, 7))["operation"] == OPERATION


def test_warnings_say_what_to_do() -> None:
    record = operation(2, "stalled", done=1)
    assert lines.stalled(record).startswith("warning: stalled at 1 of 3 hosts")
    assert "precache doctor" in lines.stalled(record)
    assert "--fail-on-stall" in lines.ended_badly(record)
    assert "abandoned" in lines.ended_badly(operation(3, "abandoned", done=1))
    assert lines.nothing_began(60.0).startswith("nothing began within 1m00s")
    resume = "precache watch --kafka k:9092"
    assert f"Go on with: {resume} --operation {OPERATION}" in lines.still_running(record, 1, 60.0, resume)
    assert lines.interrupted(resume, "req-1") == f"Nova goes on. Follow it again with: {resume} --operation req-1"
    assert lines.resumed(record) == "goes on after a stall, at 1 of 3 hosts"
    assert "12 with errors" in lines.lists_cut(operation(2, "completed", hosts_failed=12))
