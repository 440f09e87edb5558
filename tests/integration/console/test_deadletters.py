"""`precache deadletters` on a real Kafka."""

import json
import time
from pathlib import Path

import pytest
import yaml
from confluent_kafka import Producer

from precache.contract.deadletters import DeadLetter
from tests.integration.console.derived import make_topics
from tests.services.testing import Servers, Topics
from tests.support.process import Precache

LETTERS = [
    DeadLetter(
        "not-json", "the body is no JSON", "paris", "precache.info", "2026-11-22T06:00:00.000000Z", b"{\xff", {}
    ),
    DeadLetter("late", "closed", "rome", "nova.notifications/3/17", "2026-11-22T06:00:01.000000Z", b'{"a": 1}', {}),
    DeadLetter("late", "closed", "paris", "nova.notifications/0/4", "2026-11-22T06:00:02.000000Z", b"{}", {}),
]


@pytest.fixture
def config(servers: Servers, topics: Topics, tmp_path: Path) -> Path:
    make_topics(servers.kafka, topics)
    producer = Producer({"bootstrap.servers": servers.kafka})
    # Not so long ago that the topic's retention removes them.
    hour_ago_ms = int(time.time() - 3_600) * 1_000
    for number, letter in enumerate(LETTERS):
        producer.produce(
            topics.deadletters,
            letter.value(),
            letter.key(),
            partition=number % 2,
            headers=[*letter.headers()],
            timestamp=hour_ago_ms + number * 1_000,
        )
    assert producer.flush(30) == 0
    file = tmp_path / "watch.yaml"
    file.write_text(yaml.safe_dump({"kafka": {"bootstrap.servers": servers.kafka}, "topics": topics.config()}))
    return file


def run(config: Path, *args: str) -> tuple[int, str, str]:
    with Precache(["deadletters", *args, "--config", str(config)], config.parent, name="deadletters") as process:
        return process.wait_end(60), process.stdout, process.stderr


def listed(config: Path, *args: str) -> list[str]:
    code, out, _ = run(config, "list", "--json", *args)
    assert code == 0
    return [json.loads(line)["time"][-9:-8] for line in out.splitlines()]


def test_list(config: Path) -> None:
    code, out, _ = run(config, "list")
    assert code == 0
    head, *rows = out.splitlines()
    assert head.split() == ["place", "time", "cloud", "reason", "replayed", "origin", "detail"]
    assert [row.split()[0] for row in rows] == ["0/0", "1/0", "0/1"]  # by time, whatever the partition


def test_filters(config: Path) -> None:
    assert listed(config) == ["0", "1", "2"]
    assert listed(config, "--cloud", "paris") == ["0", "2"]
    assert listed(config, "--reason", "late") == ["1", "2"]
    assert listed(config, "--cloud", "paris", "--reason", "late") == ["2"]
    assert listed(config, "--limit", "2") == ["1", "2"]
    assert listed(config, "--since", "1s") == []


def test_none(config: Path) -> None:
    code, out, err = run(config, "list", "--cloud", "nowhere")
    assert (code, out) == (0, "")
    assert "no dead letters" in err


def test_show(config: Path) -> None:
    code, out, _ = run(config, "show", "1/0")
    assert code == 0
    assert "precache_reason: late" in out
    assert "precache_origin: nova.notifications/3/17" in out
    assert out.endswith('\n\n{\n  "a": 1\n}\n')


def test_show_raw(config: Path) -> None:
    with Precache(
        ["deadletters", "show", "0/0", "--raw", "--config", str(config)], config.parent, name="raw"
    ) as process:
        assert process.wait_end(60) == 0
        assert process.out.read_bytes() == b"{\xff"


@pytest.mark.parametrize(
    ("place", "code", "text"),
    [("9/0", 1, "no partition 9"), ("0/7", 1, "offsets 0 to 1"), ("x", 2, "PARTITION/OFFSET")],
)
def test_show_what_is_not_there(config: Path, place: str, code: int, text: str) -> None:
    got, out, err = run(config, "show", place)
    assert (got, out) == (code, "")
    assert text in err
