"""`precache watch` as a process on a real Kafka: its lines, its exit codes, and the order in which records come."""

import json
import os
import pty
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient

from console.cli.configs import KafkaSettings
from console.cli.topic_reader import TopicReader
from console.watch.feeds import kafka as kafka_feed
from precache.config import TopicsBlock
from precache.contract.operation import Operation
from precache.contract.partitions import partition_of
from precache.contract.progress import Progress
from precache.contract.topics import PROGRESS_TYPE
from tests.integration.console.derived import Derived, make_topics
from tests.services.testing import Servers, Topics
from tests.support.process import PRECACHE, Precache
from tests.support.watched import IMAGE, OPERATION, completed, counts, operation, progress

Watch = Callable[..., Precache]
OTHER = "rome/0f6f0b9e-5f0e-4a39-8f0d-1c1f3b1f7d18/req-9"


@pytest.fixture
def derived(servers: Servers, topics: Topics) -> Iterator[Derived]:
    make_topics(servers.kafka, topics)
    with Derived(servers.kafka, topics) as made:
        yield made


@pytest.fixture
def config(servers: Servers, topics: Topics, tmp_path: Path) -> Path:
    file = tmp_path / "watch.yaml"
    file.write_text(yaml.safe_dump({"kafka": {"bootstrap.servers": servers.kafka}, "topics": topics.config()}))
    return file


@pytest.fixture
def watch(config: Path, tmp_path: Path) -> Iterator[Watch]:
    started: list[Precache] = []

    def start(*args: str, ready: bool = True) -> Precache:
        process = Precache(["watch", "--config", str(config), *args], tmp_path, name="watch")
        started.append(process)
        if ready:
            process.wait_text("watching ")
        return process

    yield start
    for process in started:
        process.__exit__(None, None, None)


def whole(total: int = 5, failed: Sequence[str] = ()) -> tuple[list[Operation], list[Progress]]:
    errors = 0
    reports = []
    for done in range(1, total + 1):
        errors += f"host{done}" in failed
        reports.append(progress(done, total=total, errors=errors))
    return [operation(1, "running", total=total), completed(total, failed=failed)], reports


LINES = [
    "Image cache started on 5 hosts",
    "Aggregate 'foo' host 1: 20% complete (0 errors)",
    "Aggregate 'foo' host 2: 40% complete (1 errors)",
    "Aggregate 'foo' host 3: 60% complete (1 errors)",
    "Aggregate 'foo' host 4: 80% complete (1 errors)",
    "Aggregate 'foo' host 5: 100% complete (1 errors)",
    "Completed 5 hosts, 1 errors in 3s",
    "Errors from hosts:",
    "host2",
    f"Image {IMAGE} failed 1 times",
]


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_of_the_topics_gives_the_same_lines(watch: Watch, derived: Derived, seed: int) -> None:
    operations, reports = whole(failed=["host2"])
    slots = ["o"] * len(operations) + ["p"] * len(reports)
    random.Random(seed).shuffle(slots)
    process = watch()
    derived.each(operations.pop(0) if slot == "o" else reports.pop(0) for slot in slots)
    assert process.wait_end() == 1
    assert process.stdout.splitlines() == LINES


@pytest.mark.parametrize(
    ("last", "args", "code"),
    [
        (completed(0), [], 0),
        (operation(2, "completed_with_errors", errors=1, image_counts=counts({IMAGE: 1})), [], 1),
        (operation(2, "completed_with_errors", errors=1, hosts_silent=3, silent_hosts=["a"]), [], 1),
        (operation(2, "completed_with_errors", hosts_silent=3, silent_hosts=["a"]), [], 3),
        (operation(2, "abandoned", hosts_silent=3, silent_hosts=["a"]), [], 4),
        (operation(2, "stalled"), ["--fail-on-stall"], 4),
    ],
)
def test_exit_codes_of_the_end(watch: Watch, derived: Derived, last: Operation, args: list[str], code: int) -> None:
    process = watch(*args)
    derived.each([operation(1, "running", total=last.hosts_total), last])
    assert process.wait_end(20) == code
    assert ("Completed 0 hosts" in process.stdout) == (last.status != "stalled")


def test_nothing_begins(watch: Watch, derived: Derived) -> None:
    derived.each([*whole()[0]])  # over before the watch began
    process = watch("--timeout", "1500ms")
    assert process.wait_end(20) == 5
    assert process.stdout == ""
    assert "nothing began within 2s" in process.stderr


def test_still_running_at_the_timeout_and_the_command_that_goes_on(
    watch: Watch, derived: Derived, config: Path
) -> None:
    process = watch("--timeout", "3s")
    derived.each([operation(1, "running"), progress(1)])
    assert process.wait_end(20) == 7
    assert process.stdout.splitlines() == [
        "Image cache started on 3 hosts",
        "Aggregate 'foo' host 1: 33% complete (0 errors)",
    ]
    command = process.stderr.rpartition("Go on with: ")[2].strip()
    assert command == f"precache watch --config {config} --operation {OPERATION}"
    derived.each([progress(2), progress(3), completed()])
    again = subprocess.run(
        [PRECACHE, *shlex.split(command)[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == "Completed 3 hosts, 0 errors in 3s"


def test_ctrl_c(watch: Watch, derived: Derived, config: Path) -> None:
    process = watch()
    derived.each([operation(1, "running")])
    process.wait_text("Image cache started")
    process.process.send_signal(signal.SIGINT)
    assert process.wait_end(20) == 130
    assert f"Nova goes on. Follow it again with: precache watch --config {config} --operation" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_end_waits_for_progress_but_not_for_ever(watch: Watch, derived: Derived) -> None:
    process = watch()
    derived.each([operation(1, "running"), progress(1), completed()])
    began = time.monotonic()
    assert process.wait_end(20) == 0
    assert 3.5 < time.monotonic() - began < 9.0
    assert process.stdout.splitlines()[-2:] == [
        "Aggregate 'foo' host 1: 33% complete (0 errors)",
        "Completed 3 hosts, 0 errors in 3s",
    ]


def test_filters(watch: Watch, derived: Derived) -> None:
    process = watch("--cloud", "rome", "--aggregate", "0f6f0b9e-5f0e-4a39-8f0d-1c1f3b1f7d18")
    operations, reports = whole()
    derived.each([*operations[:1], *reports, *operations[1:]])
    derived.each([operation(1, "running", total=0, operation=OTHER), completed(0, operation=OTHER)])
    assert process.wait_end(20) == 0
    assert process.stdout.splitlines() == ["Image cache started on 0 hosts", "Completed 0 hosts, 0 errors in 3s"]


def test_what_was_rolled_back_is_not_reported(watch: Watch, derived: Derived) -> None:
    process = watch()
    derived.write(operation(1, "running", operation=OTHER), commit=False)
    operations, reports = whole(1)
    derived.write(*operations[:1], *reports, *operations[1:])
    assert process.wait_end(20) == 0
    assert process.stdout.splitlines()[0] == "Image cache started on 1 hosts"


def test_records_that_are_not_known_are_left_alone(watch: Watch, derived: Derived, topics: Topics) -> None:
    process = watch()
    for value in (b"", b"\xff", b"[]", b'{"operation": 1}', None):
        derived.raw(topics.operations, value, kind="io.precache.operation.v1")
        derived.raw(topics.progress, value, kind="io.precache.progress.v1")
    later = msgspec.json.encode(completed(9, sequence=1))
    derived.raw(topics.operations, later, kind="io.precache.operation.v2")
    derived.each([operation(1, "running", total=0), completed(0)])
    assert process.wait_end(20) == 0
    assert process.stdout.splitlines()[0] == "Image cache started on 0 hosts"


def test_an_operation_that_is_over_is_reported_whole(watch: Watch, derived: Derived) -> None:
    operations, reports = whole(failed=["host2"])
    derived.each([*operations[:1], *reports, *operations[1:]])
    derived.each([operation(1, "running", operation=OTHER), progress(1, operation=OTHER)])
    process = watch("--operation", OPERATION)
    assert process.wait_end(20) == 1
    assert process.stdout.splitlines() == LINES


def test_an_operation_that_runs_is_taken_up(watch: Watch, derived: Derived) -> None:
    operations, reports = whole(failed=["host2"])
    derived.each([operations[0], *reports[:2]])
    process = watch("--operation", OPERATION)
    process.wait_text("host 2: 40%")
    derived.each([*reports[2:], operations[1]])
    assert process.wait_end(20) == 1
    assert process.stdout.splitlines() == LINES


def test_an_operation_that_was_opened_again_is_not_over(watch: Watch, derived: Derived) -> None:
    derived.each([operation(1, "running"), operation(2, "abandoned"), operation(3, "running", revision=1)])
    process = watch("--operation", OPERATION)
    process.wait_text("Image cache started")
    derived.each([progress(1), progress(2), progress(3), completed(sequence=4, revision=2)])
    assert process.wait_end(20) == 0
    assert process.stdout.splitlines()[-1] == "Completed 3 hosts, 0 errors in 3s"


def write_others(servers: Servers, topic: str, count: int, written_ms: int, batch: int = 1_000) -> None:
    """Write reports of another operation, that stand beside those of the one that is watched."""
    settings = {"bootstrap.servers": servers.kafka, "batch.num.messages": batch, "queue.buffering.max.messages": count}
    producer = Producer(settings)
    value = msgspec.json.encode(progress(1, operation=OTHER))
    headers: list[tuple[str, str | bytes | None]] = [("ce_type", PROGRESS_TYPE)]
    partitions = len(producer.list_topics(topic, timeout=30).topics[topic].partitions)
    partition = partition_of(OPERATION.encode(), partitions)
    for _ in range(count):
        producer.produce(topic, value, OTHER, partition, headers=headers, timestamp=written_ms)
    assert producer.flush(60) == 0


def test_reading_what_is_there_does_not_count_as_waiting(
    watch: Watch, derived: Derived, servers: Servers, topics: Topics, config: Path
) -> None:
    operations, reports = whole(failed=["host2"])
    derived.each([*operations[:1], *reports])
    # Each record is a batch, and each fetch takes one batch: reading them takes longer than the time-out.
    write_others(servers, topics.progress, 4_000, time.time_ns() // 1_000_000, batch=1)
    derived.each([*operations[1:]])
    content = yaml.safe_load(config.read_text())
    content["kafka"]["fetch.message.max.bytes"] = 1
    config.write_text(yaml.safe_dump(content))
    began = time.monotonic()
    process = watch("--operation", OPERATION, "--timeout", "2s", ready=False)
    assert process.wait_end(100) == 1, process.stderr
    assert time.monotonic() - began > 2.5, "else this shows nothing"
    assert process.stdout.splitlines() == LINES


class CountingReader(TopicReader):
    count = 0

    def poll(self, timeout_s: float) -> list[Message]:
        messages = super().poll(timeout_s)
        self.count += len(messages)
        return messages


def test_only_the_time_of_the_operation_is_read(
    derived: Derived, servers: Servers, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_feed, "TopicReader", CountingReader)
    day_ms = 86_400_000
    now_ms = time.time_ns() // 1_000_000
    write_others(servers, topics.progress, 30_000, now_ms - day_ms)
    operations, reports = whole(failed=["host2"])
    derived.each([operations[0], *reports, operations[1]])
    write_others(servers, topics.progress, 30_000, now_ms + day_ms)
    settings = KafkaSettings.model_validate({"kafka": {"bootstrap.servers": servers.kafka}, "topics": topics.config()})
    feed = kafka_feed.KafkaFeed(settings, kafka_feed.Reach(OPERATION), print)
    feed.open(30, lambda: None)
    found = feed.poll(0)
    feed.close()
    assert [record.value for record in found] == [operations[1], *reports]
    assert isinstance(feed._reader, CountingReader)
    # librdkafka hands over what came along with the last batch.
    assert feed._reader.count < 5_000


def test_an_operation_far_back_is_found(derived: Derived, servers: Servers, topics: Topics) -> None:
    operations, reports = whole()
    derived.each([operations[0], *reports])
    others = [operation(sequence, "running", operation=OPERATION[:-1] + "2") for sequence in range(1, 9_001)]
    for at in range(0, len(others), 1_000):
        derived.write(*others[at : at + 1_000])
    derived.write(operations[1], commit=False)  # aborted, and so not there
    settings = KafkaSettings.model_validate({"kafka": {"bootstrap.servers": servers.kafka}, "topics": topics.config()})
    feed = kafka_feed.KafkaFeed(settings, kafka_feed.Reach(OPERATION), print)
    feed.open(30, lambda: None)
    assert [record.value for record in feed.poll(0)] == [operations[0], *reports]
    derived.write(operations[1])
    end = time.monotonic() + 20
    while not (records := feed.poll(0.2)) and time.monotonic() < end:
        pass
    feed.close()
    assert [record.value for record in records] == [operations[1]]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1250"])
@pytest.mark.parametrize("args", [[], ["--json"]])
def test_an_output_that_is_not_utf_8(
    config: Path, derived: Derived, tmp_path: Path, encoding: str, args: list[str]
) -> None:
    process = Precache(
        ["watch", "--config", str(config), *args], tmp_path, name="watch", env={"PYTHONIOENCODING": encoding}
    )
    with process:
        process.wait_text("watching ")
        name: dict[str, Any] = {"aggregate_name": "München-\u732b"}
        derived.each([operation(1, "running", total=1, **name), progress(1, total=1, errors=1, **name)])
        derived.each([completed(1, failed=["host1"], **name)])
        assert process.wait_end(20) == 1, process.stderr
        if args:
            assert json.loads(process.out.read_bytes().splitlines()[1])["aggregate_name"] == name["aggregate_name"]
        else:
            line = f"Aggregate '{name['aggregate_name']}' host 1: 100% complete (1 errors)"
            assert line.encode(encoding, "backslashreplace") in process.out.read_bytes().splitlines()


def test_an_operations_id_has_three_parts(watch: Watch) -> None:
    process = watch("--operation", "req-1", ready=False)
    assert process.wait_end(20) == 2
    assert "CLOUD/AGGREGATE_UUID/REQUEST_ID" in process.stderr


def test_stall_and_its_end_are_warnings(watch: Watch, derived: Derived) -> None:
    process = watch()
    derived.each([operation(1, "running", total=1), operation(2, "stalled", total=1)])
    process.wait_text("warning: stalled at 0 of 1 hosts")
    derived.each([operation(3, "running", total=1), progress(1, total=1), completed(1, sequence=4)])
    assert process.wait_end(20) == 0
    assert "goes on after a stall" in process.stderr
    assert process.stdout.splitlines() == [
        "Image cache started on 1 hosts",
        "Aggregate 'foo' host 1: 100% complete (0 errors)",
        "Completed 1 hosts, 0 errors in 3s",
    ]


def test_json(watch: Watch, derived: Derived) -> None:
    process = watch("--json")
    operations, reports = whole(2)
    derived.each([operations[0], *reports, operations[1]])
    assert process.wait_end(20) == 0
    events = [json.loads(line) for line in process.stdout.splitlines()]
    assert [event["event"] for event in events] == ["started", "progress", "progress", "finished"]
    assert events[-1]["exit_code"] == 0
    assert events[-1]["operation"] == OPERATION


def test_on_a_terminal_the_line_is_rewritten(config: Path, derived: Derived) -> None:
    shown, screen = pty.openpty()
    process = subprocess.Popen(
        [PRECACHE, "watch", "--config", config],
        stdout=screen,
        stderr=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(screen)
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"watching ")
    operations, reports = whole(failed=["host2"])
    derived.each([operations[0], *reports, operations[1]])
    text = b""
    try:
        while chunk := os.read(shown, 65_536):
            text += chunk
    except OSError:  # Linux's way to say that the other side is closed
        pass
    assert process.wait(20) == 1
    process.stderr.close()
    os.close(shown)
    assert b"host 1: 20% complete (0 errors)" in text
    assert text.count(b"\r\x1b[2K") >= 5
    assert text.count(b"\n") == 6  # started, one line of progress, the four of the summary
    assert b"\x1b[1;31mCompleted 5 hosts, 1 errors in 3s" in text


def test_a_reader_that_leaves_is_no_result(config: Path, derived: Derived) -> None:
    command: list[str | Path] = [PRECACHE, "watch", "--config", config]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"watching ")
    process.stdout.close()
    derived.each([operation(1, "running", total=0), completed(0)])
    assert process.wait(20) == 6  # not 0 or 1: nobody has seen how it went
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(("args", "at_most_s"), [([], 25), (["--timeout", "1s"], 12)])
def test_no_broker(tmp_path: Path, args: list[str], at_most_s: float) -> None:
    began = time.monotonic()
    with Precache(["watch", "--kafka", "127.0.0.1:1", *args], tmp_path, name="watch") as process:
        assert process.wait_end(60) == 6
        assert time.monotonic() - began < at_most_s
        assert "127.0.0.1:1 cannot be reached" in process.stderr
        assert process.stdout == ""


class DefaultTopics(Topics):
    """Those that `--kafka` alone means; nothing else in these tests uses them."""

    def config(self) -> dict[str, str]:
        return {role: name for role, name in TopicsBlock() if isinstance(name, str)}

    progress = property(lambda self: self.config()["progress"])
    operations = property(lambda self: self.config()["operations"])
    notifications = property(lambda self: self.config()["notifications"])
    deadletters = property(lambda self: self.config()["deadletters"])


def test_an_address_alone_means_the_default_topics(servers: Servers, tmp_path: Path) -> None:
    topics = DefaultTopics("")
    make_topics(servers.kafka, topics)
    try:
        with (
            Derived(servers.kafka, topics) as derived,
            Precache(["watch", "--kafka", servers.kafka, "--aggregate", "foo"], tmp_path, name="watch") as process,
        ):
            process.wait_text("watching ")
            operations, reports = whole(2)
            derived.each([operations[0], *reports, *operations[1:]])
            assert process.wait_end(20) == 0
            assert process.stdout.splitlines()[-1] == "Completed 2 hosts, 0 errors in 3s"
    finally:
        admin = AdminClient({"bootstrap.servers": servers.kafka})
        for future in admin.delete_topics(topics.usual()).values():
            future.result(timeout=30)


def test_no_topics(watch: Watch) -> None:
    process = watch(ready=False)
    assert process.wait_end(60) == 6
    assert "precache topics create" in process.stderr


def test_errors_of_other_blocks_do_not_matter(
    servers: Servers, topics: Topics, derived: Derived, tmp_path: Path
) -> None:
    file = tmp_path / "bridge.yaml"
    config = {
        "kafka": {"bootstrap.servers": servers.kafka},
        "topics": topics.config(),
        "clouds": [{"name": "paris", "transport_url": "rabbit://user:${NOBODY_SET_THIS}@host/"}],
    }
    file.write_text(yaml.safe_dump(config))
    with Precache(["watch", "--config", str(file)], tmp_path, name="watch") as process:
        process.wait_text("watching ")
        derived.each([completed(0, sequence=1)])
        assert process.wait_end(20) == 0


GID = "req-11111111-2222-4333-8444-555555555555"


def test_by_a_global_request_id_begun_or_not(watch: Watch, derived: Derived) -> None:
    operations, reports = whole(2)
    operations = [msgspec.structs.replace(record, global_request_id=GID) for record in operations]
    process = watch("--operation", GID)
    derived.each([operation(1, "running", operation=OTHER), progress(1, operation=OTHER)])
    derived.each([operations[0], *reports, operations[1]])
    assert process.wait_end(20) == 0
    told = process.stdout.splitlines()
    assert told[0] == "Image cache started on 2 hosts"
    assert f"operation {OPERATION} in cloud paris" in process.stderr
    twin = operation(1, "running", operation=f"{OPERATION}-twin", global_request_id=GID, started_at="2027-01-01")
    derived.each([twin])
    again = watch("--operation", GID)
    assert again.wait_end(20) == 0
    assert again.stdout.splitlines() == told
    assert f"{OPERATION}-twin has the same global request id" in again.stderr


def test_the_last(watch: Watch, derived: Derived) -> None:
    operations, reports = whole(failed=["host2"])
    derived.each([operation(1, "running", operation=OTHER, started_at="2020-01-01T00:00:00Z")])
    derived.each([operations[0], *reports, operations[1]])
    process = watch("--last")
    assert process.wait_end(20) == 1
    assert process.stdout.splitlines() == LINES
    none = watch("--last", "--cloud", "oslo", ready=False)
    assert none.wait_end(20) == 5
    assert "no operation in Kafka matches" in none.stderr


def test_everything_that_runs(watch: Watch, derived: Derived) -> None:
    over = f"{OPERATION}-over"
    derived.each([operation(1, "running", operation=over), completed(operation=over)])
    derived.each([operation(1, "running"), progress(1)])
    process = watch("--all", "--timeout", "8s")
    process.wait_text(f"{OPERATION}: Aggregate 'foo' host 1")
    derived.each([operation(1, "running", operation=OTHER), progress(2), progress(3), completed()])
    assert process.wait_end(30) == 7, "one still runs"
    assert f"{OPERATION}: Completed 3 hosts, 0 errors in 3s" in process.stdout
    assert f"{OTHER}: Image cache started on 3 hosts" in process.stdout
    assert over not in process.stdout
