"""`precache start` as a process: a small HTTP server in Nova's place, and a real Kafka with its operations' records.

The server counts what it was asked: no test goes by what the program says of that.
"""

import json
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from precache.contract.operation import Operation
from precache.contract.progress import Progress
from tests.integration.console.derived import Derived, make_topics
from tests.services.testing import Servers, Topics
from tests.support.openstack import (
    AGGREGATE,
    IMAGE,
    OTHER_IMAGE,
    PASSWORD,
    TOKEN,
    Answer,
    Asked,
    FakeOpenStack,
    refusal,
)
from tests.support.process import PRECACHE, Precache, wait_until
from tests.support.watched import completed, operation, progress

ASK = "POST /compute/v2.1/os-aggregates/1/images"
Start = Callable[..., Precache]
OTHER = f"paris/{AGGREGATE}/req-9"


@pytest.fixture
def derived(servers: Servers, topics: Topics) -> Iterator[Derived]:
    make_topics(servers.kafka, topics)
    with Derived(servers.kafka, topics) as made:
        yield made


@pytest.fixture
def nova() -> Iterator[FakeOpenStack]:
    with FakeOpenStack() as fake:
        yield fake


@pytest.fixture
def rome() -> Iterator[FakeOpenStack]:
    with FakeOpenStack() as fake:
        yield fake


@pytest.fixture
def environment(
    servers: Servers, topics: Topics, nova: FakeOpenStack, rome: FakeOpenStack, tmp_path: Path
) -> dict[str, str]:
    entries: dict[str, object] = {}
    for name, fake in (("paris-admin", nova), ("rome-admin", rome)):
        entries |= yaml.safe_load(fake.clouds_yaml(tmp_path, name).read_text())["clouds"]
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": entries}))
    config = {
        "kafka": {"bootstrap.servers": servers.kafka},
        "topics": topics.config(),
        "operators": {"clouds": [{"name": name, "os_cloud": f"{name}-admin"} for name in ("paris", "rome")]},
    }
    (tmp_path / "precache.yaml").write_text(yaml.safe_dump(config))
    return {
        "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        "PRECACHE_CONFIG": str(tmp_path / "precache.yaml"),
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    begun: list[Precache] = []

    def run(*args: str) -> Precache:
        process = Precache(["start", "foo", "ubuntu", "--cloud", "paris", *args], tmp_path, name=f"start-{len(begun)}")
        begun.append(process)
        process.__enter__()
        return process

    yield run
    for process in begun:
        process.__exit__(None, None, None)


def records(
    asked: Asked, request_id: str, *, failed: Sequence[str] = (), cloud: str = "paris"
) -> tuple[list[Operation], list[Progress]]:
    """Return what the processor makes of a request on three hosts."""
    facts: dict[str, Any] = {
        "operation": f"{cloud}/{AGGREGATE}/{request_id}",
        "global_request_id": asked.global_request_id,
        "images": asked.images,
    }
    reports = [
        progress(done, operation=str(facts["operation"]), images_cached=asked.images, errors=len(failed[:done]))
        for done in (1, 2, 3)
    ]
    return [operation(1, "running", **facts), completed(failed=failed, **facts)], reports


def follow(derived: Derived, *, failed: Sequence[str] = (), cloud: str = "paris") -> Callable[[Asked], str]:
    """Have an operation begin and end with each request, before it is answered."""
    count = 0

    def on_ask(asked: Asked) -> str:
        nonlocal count
        count += 1
        request_id = f"req-{count}"
        [first, last], reports = records(asked, request_id, failed=failed, cloud=cloud)
        derived.each([first, *reports, last])
        return request_id

    return on_ask


LINES = [
    "Image cache started on 3 hosts",
    "Aggregate 'foo' host 1: 33% complete (0 errors)",
    "Aggregate 'foo' host 2: 67% complete (0 errors)",
    "Aggregate 'foo' host 3: 100% complete (0 errors)",
    "Completed 3 hosts, 0 errors in 3s",
]


def test_ids_first_then_the_lines_of_watch(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.on_ask = follow(derived)
    process = start()
    assert process.wait_end(60) == 0, process.stderr
    [asked] = nova.asked
    assert asked.images == [IMAGE]
    assert process.stdout.splitlines() == [asked.global_request_id, f"paris/{AGGREGATE}/req-1", *LINES]
    assert "aggregate 'foo'" in process.stderr
    assert IMAGE in process.stderr


@pytest.mark.more
def test_json(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.on_ask = follow(derived)
    process = start("-o", "json")
    assert process.wait_end(60) == 0, process.stderr
    events = [json.loads(line) for line in process.stdout.splitlines()]
    assert [each["event"] for each in events] == ["asking", "operation", "started", *["progress"] * 3, "finished"]
    assert events[0]["global_request_id"] == nova.asked[0].global_request_id
    assert events[0]["images"] == [IMAGE]
    assert events[-1]["exit_code"] == 0


def test_the_id_is_there_before_nova_is_asked(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    """Killed while Nova is asked: the id that was printed finds the operation, and nothing is asked twice."""
    seen: list[str] = []
    nova.on_ask = follow(derived)
    nova.script(ASK, Answer(202, delay_s=30.0))
    process = start()
    wait_until(lambda: bool(nova.asked), "Nova to be asked")
    seen += process.stdout.splitlines()
    process.process.send_signal(signal.SIGKILL)
    process.process.wait(10)
    [asked] = nova.asked
    assert seen == [asked.global_request_id]
    [first, last], reports = records(asked, "req-7", failed=["host2"])
    derived.each([msgspec.structs.replace(first, images=[])])
    typed_again = start()
    assert typed_again.wait_end(60) == 8
    assert f"{first.operation} runs on this aggregate, and no host has reported" in typed_again.stderr
    assert len(nova.asked) == 1
    derived.each([*reports, last])
    watch = subprocess.run(
        [PRECACHE, "watch", "--operation", seen[0]], capture_output=True, text=True, timeout=60, check=False
    )
    assert watch.returncode == 1, watch.stderr
    assert "Completed 3 hosts, 1 errors in 3s" in watch.stdout
    assert f"paris/{AGGREGATE}/req-7" in watch.stderr
    assert len(nova.asked) == 1


def test_a_response_that_is_lost_is_followed_all_the_same(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.script(ASK, Answer(cut=True))
    process = start()
    wait_until(lambda: bool(nova.asked), "Nova to be asked")
    process.wait_text("cannot tell whether Nova took the request")
    [first, last], reports = records(nova.asked[0], "req-1")
    derived.each([first, *reports, last])
    assert process.wait_end(60) == 0, process.stderr
    assert process.stdout.splitlines() == [nova.asked[0].global_request_id, first.operation, *LINES]
    assert len(nova.asked) == 1


def test_verbose_shows_each_call_and_no_secret(start: Start, nova: FakeOpenStack) -> None:
    nova.on_ask = lambda _asked: "req-1"
    process = start("--no-wait", "-v")
    assert process.wait_end(40) == 0, process.stderr
    doing = [event["doing"] for event in process.events("openstack.answered")]
    assert "list aggregates" in doing
    [request] = process.events("openstack.request")
    assert request["id"] == nova.asked[0].global_request_id
    [response] = process.events("openstack.response")
    assert response["status"] == 202
    assert TOKEN not in process.stderr
    assert PASSWORD not in process.stderr


def test_nova_refuses(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    del derived
    nova.script(ASK, refusal(403, "Policy doesn't allow it"))
    process = start("--retry", "3", "--backoff", "0s")
    assert process.wait_end(60) == 8
    assert "Policy doesn't allow it (HTTP 403)" in process.stderr
    assert process.stdout.splitlines() == [nova.asked[0].global_request_id]
    assert len(nova.asked) == 1


def test_no_cloud(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    del derived
    nova.close()
    process = start()
    assert process.wait_end(60) == 6
    assert "paris: cannot log in" in process.stderr
    assert process.stdout == ""


def test_refused_before_it_is_asked(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.on_ask = follow(derived)
    nova.images[0]["status"] = "queued"
    nova.aggregates[0]["hosts"] = []
    process = start()
    assert process.wait_end(60) == 8
    texts = (f"image 'ubuntu' ({IMAGE}) is queued, not active", "aggregate 'foo' has no hosts")
    for text in texts:
        assert f"precache: {text}" in process.stderr
    assert process.stdout == ""
    assert nova.asked == []
    forced = start("--force")
    assert forced.wait_end(60) == 0, forced.stderr
    for text in texts:
        assert f"warning: {text}" in forced.stderr
    assert len(nova.asked) == 1


def test_what_runs_already_is_not_asked_for_twice(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.on_ask = follow(derived)
    running = operation(1, "running", operation=OTHER, aggregate_uuid=AGGREGATE, images=[])
    derived.each([running, progress(1, operation=OTHER, images_cached=[IMAGE])])
    process = start()
    assert process.wait_end(60) == 8
    assert f"{OTHER} already caches {IMAGE} on this aggregate (1 of 3 hosts)" in process.stderr
    assert nova.asked == []
    forced = start("--force")
    assert forced.wait_end(60) == 0, forced.stderr
    assert "Completed 3 hosts" in forced.stdout, "its own, not the one that runs"
    assert len(nova.asked) == 1


@pytest.mark.more
def test_another_image_on_the_same_aggregate_is_reported(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.on_ask = follow(derived)
    running = operation(1, "running", operation=OTHER, aggregate_uuid=AGGREGATE, images=[])
    derived.each([running, progress(1, operation=OTHER, images_cached=[OTHER_IMAGE])])
    process = start()
    assert process.wait_end(60) == 0, process.stderr
    assert f"may be waiting behind what runs on this cloud: {OTHER} (1 of 3 hosts)" in process.stderr


def test_ctrl_c_and_the_command_that_takes_it_up_again(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.on_ask = lambda _: "req-1"
    process = start()
    process.wait_text("req-1")
    [first, last], reports = records(nova.asked[0], "req-1", failed=["host2"])
    derived.each([first, *reports[:1]])
    process.wait_text("host 1:")
    process.process.send_signal(signal.SIGINT)
    assert process.wait_end(20) == 130
    command = process.stderr.rpartition("Follow it again with: ")[2].strip()
    assert command == f"precache watch --operation {first.operation}"
    derived.each([*reports[1:], last])
    again = subprocess.run(
        [PRECACHE, *shlex.split(command)[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    assert again.returncode == 1, again.stderr
    assert "Completed 3 hosts, 1 errors in 3s" in again.stdout
    assert len(nova.asked) == 1


def test_two_clouds_of_which_one_refuses(
    start: Start, derived: Derived, nova: FakeOpenStack, rome: FakeOpenStack
) -> None:
    nova.script(ASK, refusal(403, "not you"))
    rome.on_ask = follow(derived, cloud="rome")
    process = start("--cloud", "rome")
    assert process.wait_end(60) == 8
    assert [len(fake.asked) for fake in (nova, rome)] == [1, 1]
    assert "precache: paris: Nova refused" in process.stderr
    out = process.stdout.splitlines()
    assert out[:2] == [f"paris: {nova.asked[0].global_request_id}", f"rome: {rome.asked[0].global_request_id}"]
    assert [line.removeprefix("rome: ") for line in out[2:]] == [f"rome/{AGGREGATE}/req-1", *LINES]


def test_a_request_for_each_image(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.images.append({"id": OTHER_IMAGE, "name": "debian", "status": "active"})
    nova.on_ask = follow(derived)
    process = start("debian", IMAGE, "--separate-images")
    assert process.wait_end(60) == 0, process.stderr
    assert sorted(asked.images for asked in nova.asked) == sorted([[IMAGE], [OTHER_IMAGE]])
    assert len({asked.global_request_id for asked in nova.asked}) == 2
    assert "ubuntu: Completed 3 hosts" in process.stdout
    assert "debian: Completed 3 hosts" in process.stdout


@pytest.mark.more
def test_several_images_are_one_request(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    nova.images.append({"id": OTHER_IMAGE, "name": "debian", "status": "active"})
    nova.on_ask = follow(derived)
    process = start("debian")
    assert process.wait_end(60) == 0, process.stderr
    assert [asked.images for asked in nova.asked] == [[IMAGE, OTHER_IMAGE]]


def test_retry_asks_again_after_failures_with_an_id_of_its_own(
    start: Start, derived: Derived, nova: FakeOpenStack
) -> None:
    good, bad = follow(derived), follow(derived, failed=["host2"])
    nova.on_ask = lambda asked: (bad if len(nova.asked) == 1 else good)(asked) + f"-{len(nova.asked)}"
    process = start("--retry", "2", "--backoff", "1s")
    assert process.wait_end(60) == 0, process.stderr
    first, second = nova.asked
    assert second.at_s - first.at_s >= 1.0
    assert first.global_request_id != second.global_request_id
    assert [line for line in process.stdout.splitlines() if line.startswith("req-")] == [
        first.global_request_id,
        second.global_request_id,
    ]
    assert "asking again in 1s" in process.stderr


def test_no_wait(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    del derived
    nova.on_ask = lambda _: "req-1"
    process = start("--no-wait")
    assert process.wait_end(60) == 0, process.stderr
    assert process.stdout.splitlines() == [nova.asked[0].global_request_id, f"paris/{AGGREGATE}/req-1"]


def test_no_wait_without_topics_asks_all_the_same(start: Start, nova: FakeOpenStack) -> None:
    process = start("--no-wait")
    assert process.wait_end(60) == 0, process.stderr
    assert "warning: it is not known what runs already: " in process.stderr
    assert process.stdout.splitlines()[0] == nova.asked[0].global_request_id
    assert len(nova.asked) == 1


def test_the_time_is_up_before_anything_began(start: Start, derived: Derived, nova: FakeOpenStack) -> None:
    del derived
    process = start("--timeout", "2s")
    assert process.wait_end(60) == 5
    assert "no heartbeat of a bridge for cloud paris" in process.stderr
    assert process.stderr.rstrip().endswith(f"precache watch --operation {nova.asked[0].global_request_id}")


@pytest.mark.more
def test_kafka_cannot_be_reached_and_nothing_is_asked(start: Start, nova: FakeOpenStack) -> None:
    process = start("--kafka", "127.0.0.1:1")
    assert process.wait_end(60) == 6
    assert "127.0.0.1:1 cannot be reached" in process.stderr
    assert nova.asked == []
    assert process.stdout == ""
