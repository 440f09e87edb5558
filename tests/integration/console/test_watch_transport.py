"""`precache watch --transport-url` as a process: a cloud's RabbitMQ alone, real notifications, the contract's lines."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.services.testing import Cloud
from tests.support import captures
from tests.support.captures import declare_as_nova, publish
from tests.support.process import Precache, wait_until

BLOG = [
    "Completed 95 hosts, 8 errors in 3s",
    "Errors from hosts:",
    *(f"guaranine{number}" for number in range(2, 10)),
    "Image c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2 failed 8 times",
]
MIXED = [
    "Completed 23 hosts, 9 errors in 0s",
    "Errors from hosts:",
    *("db3", "db4", "db5", "db9", "db17"),
    "No answer from hosts:",
    "db12",
    "Image 8f1d2c5e-9a0b-4d3f-b6a7-0c1e2d3f4a5b failed 5 times",
    "Image c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2 failed 4 times",
]


@pytest.fixture
def watch(cloud: Cloud, tmp_path: Path) -> Iterator[Precache]:
    declare_as_nova(cloud.transport_url, cloud.exchange, cloud.topic)
    place = ["--exchange", cloud.exchange, "--topic", cloud.topic]
    with Precache(["watch", "--transport-url", cloud.transport_url, *place], tmp_path, name="watch") as process:
        process.wait_text("watching ")
        yield process


@pytest.mark.parametrize(
    ("name", "end", "code"),
    [
        (captures.BLOG, BLOG, 1),
        (captures.MIXED, MIXED, 1),
        (captures.NO_HOST, ["Completed 0 hosts, 0 errors in 0s"], 0),
    ],
)
def test_captures(watch: Precache, cloud: Cloud, name: str, end: list[str], code: int) -> None:
    total, answered = {captures.BLOG: (95, 95), captures.MIXED: (24, 23), captures.NO_HOST: (0, 0)}[name]
    publish(cloud.transport_url, captures.read(name), exchange=cloud.exchange, routing_key=f"{cloud.topic}.info")
    assert watch.wait_end(30) == code, watch.stderr
    lines = watch.stdout.splitlines()
    assert lines[0] == f"Image cache started on {total} hosts"
    assert lines[-len(end) :] == end
    reports = lines[1 : -len(end)]
    pattern = re.compile(r"Aggregate '[\w-]+' host (\d+): \d+% complete \(\d+ errors\)")
    assert [match and match[1] for match in map(pattern.fullmatch, reports)] == [str(n + 1) for n in range(answered)]


def test_nothing_is_taken_from_others(watch: Precache, cloud: Cloud) -> None:
    count = publish(
        cloud.transport_url, captures.read(captures.NO_HOST), exchange=cloud.exchange, routing_key=f"{cloud.topic}.info"
    )
    assert watch.wait_end(30) == 0
    with captures.channel(cloud.transport_url) as opened:
        queue = opened.queue_declare(f"{cloud.topic}.info", passive=True)
        assert queue.method.message_count == count


def test_an_operation_that_runs_already_is_not_followed(watch: Precache, cloud: Cloud) -> None:
    def send(messages: Sequence[captures.Captured]) -> None:
        publish(cloud.transport_url, messages, exchange=cloud.exchange, routing_key=f"{cloud.topic}.info")

    send(captures.read(captures.BLOG)[40:])
    send(captures.read(captures.NO_HOST))
    assert watch.wait_end(30) == 0
    assert watch.stdout.splitlines()[0] == "Image cache started on 0 hosts"


def test_sigterm_ends_it_cleanly(watch: Precache, cloud: Cloud) -> None:
    _, before = cloud.api("GET", "queues/{vhost}")
    assert len(before) == 2, "Nova's, and the watch's own"
    assert watch.stop() == 143
    assert "Traceback" not in watch.stderr
    wait_until(lambda: len(cloud.api("GET", "queues/{vhost}")[1]) == 1, "the watch's queue to go with it")


def test_wrong_credentials(cloud: Cloud, tmp_path: Path) -> None:
    url = re.sub(r"//[^@]*@", "//nobody:secretword@", cloud.transport_url)
    with Precache(["watch", "--transport-url", url], tmp_path, name="watch") as process:
        assert process.wait_end(30) == 6
        assert "refuses the credentials of user 'nobody'" in process.stderr
        assert "secretword" not in process.stderr


def test_no_broker(tmp_path: Path) -> None:
    with Precache(["watch", "--transport-url", "rabbit://a:b@127.0.0.1:1/"], tmp_path, name="watch") as process:
        assert process.wait_end(60) == 6
        assert "127.0.0.1:1" in process.stderr


def test_no_exchange_yet(cloud: Cloud, tmp_path: Path) -> None:
    args = ["watch", "--transport-url", cloud.transport_url, "--exchange", cloud.exchange]
    with Precache(args, tmp_path, name="watch") as process:
        assert process.wait_end(60) == 6
        assert "notification_format" in process.stderr


def test_a_url_that_is_none(tmp_path: Path) -> None:
    with Precache(["watch", "--transport-url", "rabbit://a:b@host:notaport/"], tmp_path, name="watch") as process:
        assert process.wait_end(60) == 2
        assert "is no transport URL" in process.stderr
