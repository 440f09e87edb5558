"""The commands that ask the store, run on both stores: what they print, and their exit codes."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.cli import main
from precache.query.records import StoredBoot
from tests.support.stored_story import DEBIAN, HOUR, UBUNTU, WEB, identity, ran

BOTH = [UBUNTU, DEBIAN]


@pytest.fixture
def filled(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Fill a store, and name it in an operator's file; returns the time that counts as now."""
    now = time.time_ns() // 1_000 * 1_000
    silent = ("cn-10",)
    runs: dict[str, Any] = {"status": "running", "ended_at": "", "hosts_total": 3, "global_request_id": ""}
    store.write(
        [
            *ran(WEB, "done", now - 22 * HOUR, {"cn-2": (BOTH, []), "cn-1": ([UBUNTU], [DEBIAN])}, silent),
            *ran(WEB, "runs", now - HOUR, {"cn-2": ([UBUNTU], [])}, **runs),
        ]
    )
    store.write_boots(
        [StoredBoot(cloud="paris", host="cn-2", image=UBUNTU, time=now, instance="i", duration_s=12.5, result="active")]
    )
    block = {key: str(value) for key, value in store.config.model_dump(exclude={"token"}, exclude_none=True).items()}
    if store.config.type == "influxdb":
        block["token"] = store.config.token.get_secret_value()
    path = tmp_path / "precache.yaml"
    path.write_text(yaml.safe_dump({"store": block, "operators": {"clouds": [{"name": "paris"}]}}))
    monkeypatch.setenv("PRECACHE_CONFIG", str(path))
    return now


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[list[str], str]:
    assert main.run(arguments) == code
    out, err = capsys.readouterr()
    return out.splitlines(), err


@pytest.mark.usefixtures("filled")
def test_one_operation_is_one_document_in_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    lines, _ = run(capsys, "operation", "req-done", "-o", "yaml")
    found = yaml.safe_load("\n".join(lines))
    assert (found["request_id"], [host["host"] for host in found["hosts"]]) == ("req-done", ["cn-1", "cn-10"])


@pytest.mark.usefixtures("filled")
def test_operations(capsys: pytest.CaptureFixture[str]) -> None:
    lines, err = run(capsys, "operations")
    assert " ".join(lines[0].split()) == "started cloud aggregate status done hosts failed silent took request"
    assert [line.split("  ")[-1] for line in lines[1:]] == ["req-runs", "req-done"]
    assert err == ""
    lines, err = run(capsys, "operations", "--running", "-o", "value", "-c", "operation", "-c", "status")
    assert lines == [f"{identity(WEB, 'runs')}\trunning"]
    lines, _ = run(capsys, "operations", "--json", "--limit", "1")
    (one,) = map(json.loads, lines)
    assert (one["request_id"], one["hosts_done"], one["images"]) == ("req-runs", 1, [UBUNTU])
    lines, _ = run(capsys, "operations", "-o", "yaml", "-c", "cloud", "-c", "request")
    assert yaml.safe_load("\n".join(lines)) == [
        {"cloud": "paris", "request_id": "req-runs"},
        {"cloud": "paris", "request_id": "req-done"},
    ]
    assert run(capsys, "operations", "--cloud", "rome") == ([], "no operations\n")
    assert "no column 'nope': choose from started_at" in run(capsys, "operations", "-c", "nope", code=2)[1]


@pytest.mark.usefixtures("filled")
def test_one_operation(capsys: pytest.CaptureFixture[str]) -> None:
    lines, err = run(capsys, "operation", "req-global-done")
    head = dict(line.split("  ", 1) for line in lines[: lines.index("")])
    assert head["operation"].strip() == identity(WEB, "done")
    assert head["hosts"].strip() == "2 of 3 reported (66.7%)"
    assert [line.split()[:2] for line in lines[lines.index("") + 1 :]] == [
        ["host", "result"],
        ["cn-1", "failed"],
        ["cn-10", "silent"],
    ]
    assert err == "In Nova's logs, search for req-done: nova-conductor on ctrl01, and nova-compute on these hosts\n"
    lines, err = run(capsys, "operation", "--last", "--hosts", "all", "-o", "json")
    (one,) = map(json.loads, lines)
    assert one["request_id"] == "req-runs"
    assert [(host["host"], host["result"], host["images_cached"]) for host in one["hosts"]] == [
        ("cn-2", "cached", [UBUNTU])
    ]
    assert "note: it is not over: 2 hosts have not reported" in err
    lines, _ = run(capsys, "operation", identity(WEB, "done"), "--hosts", "failed", "-o", "value", "-c", "host")
    assert lines == ["cn-1"]


@pytest.mark.usefixtures("filled")
def test_an_operation_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no operation 'req-none' in the store" in run(capsys, "operation", "req-none", code=1)[1]
    assert "no such operation" in run(capsys, "operation", "--last", "--cloud", "rome", code=1)[1]
    for both in ([], ["req-done", "--last"]):
        assert "Choose an operation: its ID, or --last" in run(capsys, "operation", *both, code=2)[1]


@pytest.mark.usefixtures("filled")
def test_residency(capsys: pytest.CaptureFixture[str]) -> None:
    lines, err = run(capsys, "residency", "-o", "json")
    found = {one["image"]: one for one in map(json.loads, lines)}
    states = ("hosts", "resident", "expiring", "unsure", "failed", "silent", "missing")
    assert [found[UBUNTU][state] for state in states] == [3, 1, 1, 0, 0, 1, 0]
    assert [found[DEBIAN][state] for state in states] == [3, 0, 1, 0, 1, 1, 0]
    assert err.startswith("An estimate: ")
    lines, _ = run(capsys, "residency", "--expiring", "2h1m", "-o", "value", "-c", "host", "-c", "image")
    assert lines == [f"cn-2\t{DEBIAN}", f"cn-1\t{UBUNTU}"]
    lines, _ = run(capsys, "residency", "--state", "silent", "--image", DEBIAN, "-o", "value", "-c", "host")
    assert lines == ["cn-10"]
    lines, _ = run(capsys, "residency", "--host", "cn-1", "-o", "value", "-c", "state")
    assert lines == ["failed", "expiring"]
    lines, _ = run(capsys, "residency", "--operation", "req-done", "-o", "value", "-c", "image")
    assert sorted(lines) == sorted([UBUNTU, DEBIAN])
    assert "no operation 'req-none'" in run(capsys, "residency", "--operation", "req-none", code=1)[1]
    assert "leave --cloud" in run(capsys, "residency", "--operation", "req-done", "--cloud", "paris", code=2)[1]
    assert run(capsys, "residency", "--host", "cn-none")[1].startswith("none: no host matches")
    lines, err = run(capsys, "residency", "--aggregate", "none")
    assert (lines, err) == ([], "nothing is known: no operation of these began within --since\n")


@pytest.mark.usefixtures("filled")
def test_boots(capsys: pytest.CaptureFixture[str]) -> None:
    lines, err = run(capsys, "boots", "-o", "json")
    (one,) = map(json.loads, lines)
    assert (one["aggregate_name"], one["image"], one["resident"], one["resident_median_s"]) == (
        "web tier",
        UBUNTU,
        1,
        12.5,
    )
    assert err.startswith("An estimate: ")
    assert run(capsys, "boots", "--cloud", "rome")[0] == []


def test_without_a_file_the_command_says_where_it_looked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PRECACHE_CONFIG", raising=False)
    assert "precache: No precache.yaml found: looked at" in run(capsys, "operations", code=2)[1]
    (tmp_path / "precache.yaml").write_text("clouds: []")
    assert "is a bridge's file: this needs an operator's file" in run(capsys, "operations", code=2)[1]
    path = tmp_path / "none.db"
    (tmp_path / "precache.yaml").write_text(f"store: {{type: sqlite, path: {path}}}\noperators: {{}}")
    assert f"the store {path} is not there" in run(capsys, "operations", code=1)[1]
