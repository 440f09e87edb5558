"""Which way the servers start, and what compose is asked: a `docker` on the path only notes how it was called."""

import os
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from tests.services import docker, native
from tests.services.__main__ import main
from tests.services.given import REQUIRED
from tests.services.node import StartError

CONTAINERS = '{"Service":"kafka","Status":"Up 2 minutes (healthy)","Health":"healthy"}'


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def stub(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a `docker` first on the path that writes down its arguments, and then does what the given shell code says."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(code: str) -> None:
        script = tmp_path / "docker"
        script.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{code}\n')
        script.chmod(0o755)

    return write


def run_command(monkeypatch: pytest.MonkeyPatch, command: str) -> int:
    monkeypatch.setattr(sys, "argv", ["services", command])
    return main()


def test_an_engine_and_compose_make_docker_usable(stub: Callable[[str], None], calls: Path) -> None:
    stub("exit 0")
    assert docker.usable()
    assert calls.read_text().splitlines() == ["info", "compose version"]


@pytest.mark.parametrize("missing", ["info", "compose"])
def test_a_client_without_engine_or_compose_is_no_docker(stub: Callable[[str], None], missing: str) -> None:
    stub(f'[ "$1" != {missing} ]')
    assert not docker.usable()


def test_compose_is_reported_to_wait_for_the_missing_servers_alone(stub: Callable[[str], None], calls: Path) -> None:
    stub("exit 0")
    docker.start(["kafka", "influxdb"])
    (call,) = calls.read_text().splitlines()
    assert call.startswith("compose --profile more -f docker-compose.yml -p precache-tests-")
    assert call.endswith(" up --detach --wait influxdb kafka")


def test_the_addresses_are_those_that_compose_was_given(stub: Callable[[str], None], calls: Path) -> None:
    stub(f'echo "$PRECACHE_KAFKA_PORT $PRECACHE_INFLUX_TOKEN" >> {calls}')
    docker.start(["kafka", "influxdb"])
    port, token = calls.read_text().splitlines()[1].split()
    assert docker.own_addresses()["kafka"] == {"PRECACHE_TEST_KAFKA": f"127.0.0.1:{port}"}
    assert docker.own_addresses()["influxdb"]["PRECACHE_TEST_INFLUX_TOKEN"] == token


def test_what_compose_says_when_it_fails_is_reported(stub: Callable[[str], None]) -> None:
    stub("echo no space left >&2; exit 1")
    with pytest.raises(StartError, match="no space left"):
        docker.start(["kafka"])


def test_healthy_containers_are_running(stub: Callable[[str], None]) -> None:
    stub(f"echo '{CONTAINERS}'")
    docker.start(["kafka"])
    assert docker.running() == {"kafka"}
    assert docker.status() == "kafka: Up 2 minutes (healthy)"


def test_stopping_removes_volumes_and_forgets_the_addresses(stub: Callable[[str], None], calls: Path) -> None:
    stub("exit 0")
    docker.start(["kafka"])
    assert docker.own_addresses()
    docker.stop()
    assert calls.read_text().splitlines()[-1].endswith(" down --volumes")
    assert not docker.was_used()
    assert docker.own_addresses() == {}


def test_what_an_engine_had_started_is_nobodys_address_once_the_engine_is_gone(
    stub: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub("exit 0")
    docker.start(["kafka"])
    stub("exit 1")
    exports = {server: dict.fromkeys(names, "native") for server, names in REQUIRED.items()}
    started: list[str] = []
    monkeypatch.setattr(native, "start", started.extend)
    monkeypatch.setattr(native, "own_addresses", lambda: exports if started else {})
    for variable in chain(*REQUIRED.values()):
        monkeypatch.delenv(variable, raising=False)
    assert run_command(monkeypatch, "start") == 0
    assert started == list(REQUIRED)
    assert "export PRECACHE_TEST_KAFKA=native" in capsys.readouterr().out


def test_the_native_servers_are_stopped_though_compose_fails(
    stub: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub("exit 0")
    docker.start(["kafka"])
    stub("echo no engine >&2; exit 1")
    stopped: list[str] = []
    monkeypatch.setattr(native, "stop", lambda: stopped.append("all"))
    assert run_command(monkeypatch, "stop") == 1
    assert stopped == ["all"]
    assert "no engine" in capsys.readouterr().err
