"""`precache start --transport-url` as a process: a cloud's RabbitMQ alone, no Kafka, and no server of precache."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.testing import Cloud
from tests.support.captures import declare_as_nova
from tests.support.events import Event, Source
from tests.support.nova import Nova, message
from tests.support.openstack import IMAGE, Answer, Asked, FakeOpenStack
from tests.support.process import Precache

ASK = "POST /compute/v2.1/os-aggregates/1/images"
HOSTS = ["host1", "host2", "host3"]


@pytest.fixture
def nova() -> Iterator[FakeOpenStack]:
    with FakeOpenStack() as fake:
        yield fake


@pytest.fixture
def speaker(cloud: Cloud) -> Iterator[Nova]:
    declare_as_nova(cloud.transport_url, cloud.exchange, cloud.topic)
    made = Nova(cloud.transport_url, cloud.exchange, f"{cloud.topic}.info")
    made.start()
    yield made
    # Else it looks for its virtual host for as long as this worker lives.
    made.end()


@pytest.fixture
def start(cloud: Cloud, nova: FakeOpenStack, speaker: Nova, tmp_path: Path) -> Iterator[Precache]:
    del speaker
    url = tmp_path / "url"
    url.write_text(cloud.transport_url)
    place = ["--transport-url-file", str(url), "--exchange", cloud.exchange, "--topic", cloud.topic]
    args = ["start", "foo", "ubuntu", "--cloud", "paris", "--os-cloud", "paris-admin", *place]
    env = {"OS_CLIENT_CONFIG_FILE": str(nova.clouds_yaml(tmp_path, "paris-admin"))}
    with Precache(args, tmp_path, name="start", env=env) as process:
        yield process


def of(asked: Asked | None, source: Source, failed: tuple[str, ...] = ()) -> list[Event]:
    """Return what Nova sends of an operation; ``None``: one that somebody else asked for."""
    reports = [
        source.report(host, () if host in failed else (IMAGE,), (IMAGE,) if host in failed else (), at_us=n * 100_000)
        for n, host in enumerate(HOSTS, start=1)
    ]
    events = [source.start(HOSTS), *reports, source.end(HOSTS)]
    for event in events:
        event.body["context"]["global_request_id"] = asked.global_request_id if asked else None
    return events


@pytest.mark.parametrize("answer", [None, Answer(cut=True)])
def test_its_own_operation_is_followed_beside_another_one(
    start: Precache, nova: FakeOpenStack, speaker: Nova, answer: Answer | None
) -> None:
    """Another operation on the same aggregate begins first, and fails; the response may be lost."""

    def on_ask(asked: Asked) -> str:
        speak(asked)
        return "req-1"

    def speak(asked: Asked) -> None:
        other, own = of(None, Source(request="req-9"), tuple(HOSTS)), of(asked, Source(request="req-1"), ("host2",))
        speaker.send(message(event) for pair in zip(other, own, strict=True) for event in pair)

    nova.on_ask = on_ask
    if answer is not None:
        nova.script(ASK, answer)
        start.wait_text("cannot tell whether Nova took the request")
        speak(nova.asked[0])
    assert start.wait_end(60) == 1, start.stderr
    out = start.stdout.splitlines()
    assert out[:2] == [nova.asked[0].global_request_id, Source(request="req-1").operation]
    assert out[-4:] == [
        "Completed 3 hosts, 1 errors in 1s",
        "Errors from hosts:",
        "host2",
        f"Image {IMAGE} failed 1 times",
    ]
    assert len(nova.asked) == 1
    assert "is not known: that takes Kafka" in start.stderr


def test_ctrl_c_names_the_command_that_goes_on(start: Precache, nova: FakeOpenStack, tmp_path: Path) -> None:
    nova.on_ask = lambda _: "req-1"
    start.wait_text("/req-1")
    start.process.send_signal(signal.SIGINT)
    assert start.wait_end(20) == 130
    command = start.stderr.rpartition("Follow it again with: ")[2].strip()
    assert command.startswith(f"precache watch --transport-url-file {tmp_path / 'url'} --exchange ")
    assert command.endswith(f"--cloud paris --operation {nova.asked[0].global_request_id}")
