"""The servers in containers, by the compose file at the top of the checkout."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from .network import HOST, free_ports
from .node import StartError
from .process import own_environment
from .state import ROOT, emit, read_json, state_dir, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Long enough to fetch the images on a slow line.
_UP_TIMEOUT_S: Final = 900
_ASK_TIMEOUT_S: Final = 30

# The variables that the compose file reads for the ports it publishes.
_PORTS: Final = (
    "PRECACHE_RABBITMQ_PORT",
    "PRECACHE_RABBITMQ_API_PORT",
    "PRECACHE_RABBITMQ4_PORT",
    "PRECACHE_RABBITMQ4_API_PORT",
    "PRECACHE_KAFKA_PORT",
    "PRECACHE_INFLUX_PORT",
)


def _docker(*arguments: str, timeout_s: float, **variables: str) -> subprocess.CompletedProcess[str]:
    env = own_environment(**variables)
    argv = ["docker", *arguments]
    return subprocess.run(argv, check=False, capture_output=True, text=True, env=env, cwd=ROOT, timeout=timeout_s)


def usable() -> bool:
    """Whether there is an engine that answers, and a compose to speak to it: a client alone starts nothing."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = [_docker(*words, timeout_s=_ASK_TIMEOUT_S) for words in (("info",), ("compose", "version"))]
    except subprocess.TimeoutExpired:
        return False
    return all(answer.returncode == 0 for answer in asked)


def _settings() -> dict[str, str]:
    """Ports and passwords for the compose file, kept so that a second run finds the same servers."""
    file = state_dir() / "docker.json"
    settings = read_json(file)
    if not settings:
        settings = {name: str(port) for name, port in zip(_PORTS, free_ports(len(_PORTS)), strict=True)}
        for name in ("PRECACHE_RABBITMQ_PASSWORD", "PRECACHE_INFLUX_PASSWORD", "PRECACHE_INFLUX_TOKEN"):
            settings[name] = secrets.token_hex(16)
        settings["PRECACHE_RABBITMQ_VHOST"] = "precache"
        write_json(file, settings)
    return settings


def _compose(*arguments: str, timeout_s: float) -> str:
    """Run compose on this checkout's own project, so that two checkouts never share a container or a volume."""
    argv = (
        "compose",
        "--profile",
        "more",
        "-f",
        "docker-compose.yml",
        "-p",
        f"precache-tests-{state_dir().name}",
        *arguments,
    )
    try:
        done = _docker(*argv, timeout_s=timeout_s, **_settings())
    except subprocess.TimeoutExpired:
        msg = f"`docker {' '.join(argv)}` took longer than {timeout_s} s"
        raise StartError(msg) from None
    if done.returncode != 0:
        msg = f"`docker {' '.join(argv)}` failed:\n{done.stdout}{done.stderr}"
        raise StartError(msg)
    return done.stdout


def start(servers: Iterable[str]) -> None:
    """Bring the servers up, and wait until each is healthy; those that are up already stay as they are."""
    names = sorted(servers)
    emit("docker", f"starting {', '.join(names)} (the first time, images are fetched)")
    _compose("up", "--detach", "--wait", *names, timeout_s=_UP_TIMEOUT_S)


def stop() -> None:
    """Remove the containers and their volumes."""
    if was_used():
        _compose("down", "--volumes", timeout_s=_UP_TIMEOUT_S)
        (state_dir() / "docker.json").unlink()


def was_used() -> bool:
    """Whether an earlier run started containers that are not removed yet."""
    return (state_dir() / "docker.json").exists()


def own_addresses() -> dict[str, dict[str, str]]:
    """Return, for each server, the variables that tell a test where its container is; none before the first start."""
    return _exports(_settings()) if was_used() else {}


def _exports(settings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    login = f"precache:{settings['PRECACHE_RABBITMQ_PASSWORD']}"
    return {
        "rabbitmq": {
            "PRECACHE_TEST_RABBITMQ_URL": f"rabbit://{login}@{HOST}:{settings['PRECACHE_RABBITMQ_PORT']}/precache",
            "PRECACHE_TEST_RABBITMQ_API": f"http://{HOST}:{settings['PRECACHE_RABBITMQ_API_PORT']}",
        },
        "rabbitmq4": {
            "PRECACHE_TEST_RABBITMQ4_URL": f"rabbit://{login}@{HOST}:{settings['PRECACHE_RABBITMQ4_PORT']}/precache",
            "PRECACHE_TEST_RABBITMQ4_API": f"http://{HOST}:{settings['PRECACHE_RABBITMQ4_API_PORT']}",
        },
        "kafka": {"PRECACHE_TEST_KAFKA": f"{HOST}:{settings['PRECACHE_KAFKA_PORT']}"},
        "influxdb": {
            "PRECACHE_TEST_INFLUX_URL": f"http://{HOST}:{settings['PRECACHE_INFLUX_PORT']}",
            "PRECACHE_TEST_INFLUX_ORG": "precache",
            "PRECACHE_TEST_INFLUX_TOKEN": settings["PRECACHE_INFLUX_TOKEN"],
        },
    }


def _containers() -> list[dict[str, str]]:
    """Return what compose knows of the project's containers: one JSON object a line."""
    lines = _compose("ps", "--format", "json", timeout_s=_ASK_TIMEOUT_S).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def running() -> set[str]:
    """Return the names of the servers that are up."""
    return {container["Service"] for container in _containers() if container["Health"] == "healthy"}


def status() -> str:
    """Return one line a container."""
    return "\n".join(f"{line['Service']}: {line['Status']}" for line in _containers()) or "no containers"
