"""Which way the servers start, and what compose is told: a `docker` on the path only writes down how it was called."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import docker
from tests.services.node import StartError

CONTAINERS = '{"Service":"kafka","Status":"Up 2 minutes (healthy)","Health":"healthy"}'


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def stub(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a `docker` first on the path that writes down its arguments, and then does what the given shell code says."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(code: str) -> None:
        script = tmp_path / "docker"
        script.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{code}\n')
        script.chmod(0o755)

    return write


def test_an_engine_and_compose_make_docker_usable(stub: Callable[[str], None], calls: Path) -> None:
    stub("exit 0")
    assert docker.usable()
    assert calls.read_text().splitlines() == ["info", "compose version"]


@pytest.mark.parametrize("missing", ["info", "compose"])
def test_a_client_without_engine_or_compose_is_no_docker(stub: Callable[[str], None], missing: str) -> None:
    stub(f'[ "$1" != {missing} ]')
    assert not docker.usable()


def test_compose_is_told_to_wait_for_the_missing_servers_alone(stub: Callable[[str], None], calls: Path) -> None:
    stub("exit 0")
    docker.start(["kafka", "influxdb"])
    (call,) = calls.read_text().splitlines()
    assert call.startswith("compose -f docker-compose.yml -p precache-tests-")
    assert call.endswith(" up --detach --wait influxdb kafka")


def test_the_addresses_are_those_that_compose_was_given(stub: Callable[[str], None], calls: Path) -> None:
    stub(f'echo "$PRECACHE_KAFKA_PORT $PRECACHE_INFLUX_TOKEN" >> {calls}')
    docker.start(["kafka", "influxdb"])
    port, token = calls.read_text().splitlines()[1].split()
    assert docker.exports()["kafka"] == {"PRECACHE_TEST_KAFKA": f"127.0.0.1:{port}"}
    assert docker.exports()["influxdb"]["PRECACHE_TEST_INFLUX_TOKEN"] == token


def test_what_compose_says_when_it_fails_is_told(stub: Callable[[str], None]) -> None:
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
    before = docker.exports()
    docker.stop()
    assert calls.read_text().splitlines()[-1].endswith(" down --volumes")
    assert not docker.was_used()
    assert docker.exports() != before
