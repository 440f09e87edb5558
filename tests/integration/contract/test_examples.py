"""The example consumers of docs/contract/examples, run as their pages say, on records of the whole path."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from precache.contract.topics import OPERATION_TYPE
from tests.services.build import made_once, run
from tests.services.debian import install_package
from tests.services.kafka import Node as KafkaNode
from tests.services.state import cache_dir, emit
from tests.services.telegraf import program as telegraf
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support import captures
from tests.support.kafka import header, read_all
from tests.support.process import wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.more

EXAMPLES = Path(__file__).parents[3] / "docs" / "contract" / "examples"
ENDED = [
    "completed revision 1: 0 of 0 hosts",
    "completed_with_errors revision 1: 23 of 24 hosts",
    "completed_with_errors revision 1: 95 of 95 hosts",
]


@pytest.fixture
def operations(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Stack:
    """What bridge and processor made of three captured operations; before it an unknown record and an empty one."""
    stack = Stack(tmp_path, servers, cloud, topics, bucket)
    stack.declare()
    producer = Producer({"bootstrap.servers": servers.kafka})
    unknown: dict[str, str | bytes | None] = {
        "ce_type": "io.precache.operation.v9",
        "ce_id": "1",
        "ce_source": "/precache/paris",
    }
    ended = json.dumps({"operation": "paris/a/b", "status": "completed"}).encode()
    producer.produce(topics.operations, ended, b"paris/a/b", partition=0, headers=unknown)
    producer.produce(topics.operations, None, b"paris/a/b", partition=0)
    assert producer.flush(30) == 0
    with stack.bridge() as bridge, stack.processor() as processor:
        for name in captures.ALL:
            stack.publish(captures.read(name))
        wait_until(lambda: len(stack.points("precache_operation")) == len(ENDED), "the operations", 60)
        wait_until(
            lambda: all(row["status"].startswith("completed") for row in stack.points("precache_operation")),
            "their ends",
            60,
        )
        assert processor.stop() == 0
        assert bridge.stop() == 0
    return stack


@contextmanager
def consumer(stack: Stack, argv: list[str], **variables: str) -> Iterator[Path]:
    """Run a consumer, and yield the file that it prints to."""
    out = stack.folder / "consumer.out"
    env = os.environ | {
        "BOOTSTRAP": stack.servers.kafka,
        "TOPIC": stack.topics.operations,
        "GROUP": f"{stack.topics.prefix}.example",
        **variables,
    }
    with out.open("ab") as file, (stack.folder / "consumer.err").open("ab") as errors:
        # A group of its own: a shell's children end with it.
        process = subprocess.Popen(argv, stdout=file, stderr=errors, env=env, start_new_session=True)
    try:
        yield out
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def assert_prints_the_ends(stack: Stack, argv: list[str]) -> None:
    with consumer(stack, argv) as out:
        wait_until(lambda: len(out.read_text().splitlines()) >= len(ENDED), f"{argv} to print the ends", 90)
    found = sorted(line.split(" ", 1)[1] for line in out.read_text().splitlines())
    assert found == ENDED
    ids = {line.split(" ", 1)[0] for line in out.read_text().splitlines()}
    assert ids == {row["operation"] for row in stack.points("precache_operation")}


def test_python(operations: Stack) -> None:
    assert_prints_the_ends(operations, [sys.executable, str(EXAMPLES / "python" / "ended.py")])


def test_kcat_and_jq(operations: Stack) -> None:
    for tool in ("kcat", "jq"):
        if shutil.which(tool) is None:
            install_package(tool, tool, provides=Path(f"/usr/bin/{tool}"))
    assert_prints_the_ends(operations, [str(EXAMPLES / "kcat" / "ended.sh")])


def test_java(operations: Stack) -> None:
    libraries = KafkaNode.libraries()
    assert_prints_the_ends(operations, ["java", "-cp", f"{libraries}/*", str(EXAMPLES / "java" / "Ended.java")])


def test_go(operations: Stack) -> None:
    folder = EXAMPLES / "go"
    program = operations.folder / "ended"
    emit("go", "building the example")
    run(["go", "build", "-o", str(program), "."], cwd=folder, log=operations.folder / "go.log")
    assert_prints_the_ends(operations, [str(program)])


def test_typescript(operations: Stack) -> None:
    lock = (EXAMPLES / "typescript" / "package-lock.json").read_bytes()
    name = f"example-typescript-{hashlib.sha256(lock).hexdigest()[:12]}"
    with made_once(name) as made:
        if made is not None:
            if shutil.which("npm") is None:
                install_package("npm", "npm", provides=Path("/usr/bin/npm"))
            for file in (EXAMPLES / "typescript").iterdir():
                shutil.copy(file, made)
            run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=made, log=made / "npm.log")
    folder = operations.folder / "typescript"
    shutil.copytree(EXAMPLES / "typescript", folder)
    (folder / "node_modules").symlink_to(cache_dir() / name / "node_modules")
    run(["npx", "tsc", "--project", "."], cwd=folder, log=operations.folder / "tsc.log")
    assert_prints_the_ends(operations, ["node", str(folder / "ended.js")])


def test_telegraf(operations: Stack) -> None:
    """Every change of every operation, and nothing of the record that is of no known kind."""
    argv = [str(telegraf()), "--config", str(EXAMPLES / "telegraf" / "telegraf.conf")]
    records = changes(operations)

    def metrics(out: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in out.read_text().splitlines() if line.startswith("{")]

    with consumer(operations, argv) as out:
        wait_until(lambda: len(metrics(out)) >= len(records), "Telegraf to print every change", 90)
        found = [each["fields"] | each["tags"] for each in metrics(out)]
    keys = found[0].keys()
    assert keys > {"operation", "cloud", "aggregate_name", "status", "sequence", "hosts_done", "duration_s"}
    expected = [{key: record[key] for key in keys} for record in records]
    assert sorted(found, key=by_sequence) == sorted(expected, key=by_sequence)


def by_sequence(record: dict[str, Any]) -> tuple[str, int]:
    return record["operation"], record["sequence"]


def changes(stack: Stack) -> list[dict[str, Any]]:
    """Return the values of all records of operations."""
    found = [each for each in read_all(stack.servers.kafka, stack.topics.operations) if each.value()]
    return [json.loads(each.value() or b"") for each in found if header(each, "ce_type") == OPERATION_TYPE]


def test_what_was_done_is_done_once_through_kills(operations: Stack) -> None:
    """Killed again and again, and given every record a second time: each end is acted on once."""
    database = operations.folder / "once.db"
    argv = [sys.executable, str(EXAMPLES / "python" / "once.py")]

    def done() -> list[tuple[str, int, str]]:
        if not database.exists():
            return []
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'done'").fetchall()
            return sorted(connection.execute("SELECT * FROM done").fetchall()) if tables else []

    records = len(changes(operations))
    assert records >= 2 * len(ENDED)
    for already in range(1, len(ENDED) + 1):
        # Another group each time: nothing is committed in it, so every record comes again.
        with consumer(operations, argv, DATABASE=str(database), GROUP=f"{operations.topics.prefix}.{already}"):
            wait_until(lambda count=already: len(done()) >= count, "the next end", 60)
    with consumer(operations, argv, DATABASE=str(database), GROUP=f"{operations.topics.prefix}.last"):
        wait_until(lambda: len(done()) >= len(ENDED), "all ends", 60)
        wait_until(lambda: operations_seen(database) == records, "every record", 60)
    assert sorted(status for _, _, status in done()) == [each.split()[0] for each in ENDED]
    assert len({operation for operation, _, _ in done()}) == len(done()) == len(ENDED)


def operations_seen(database: Path) -> int:
    """Return how many records were seen."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM seen").fetchone()[0])
