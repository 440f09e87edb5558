"""docker-compose.yml follows the compose specification, and nothing in it is open to the network or runs as root."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bridge.config import BridgeConfig
from console.cli.configs import kind_of, model_of
from console.simulator.clouds import requests
from console.simulator.rounds import topic_of
from precache.config import load

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCHEMA: dict[str, Any] = json.loads((ROOT / "tests/data/compose-spec.json").read_text())

every_service = pytest.mark.parametrize("name", SERVICES)


def published_ports() -> Iterator[str]:
    for service in SERVICES.values():
        yield from service.get("ports", [])


def test_it_follows_the_specification() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(
    "broken", [{"imagee": "rabbitmq"}, {"ports": "5672"}, {"healthcheck": {"interval": ["5s"]}}], ids=str
)
def test_the_schema_finds_a_mistake(broken: dict[str, Any]) -> None:
    changed = COMPOSE | {"services": {"rabbitmq": SERVICES["rabbitmq"] | broken}}
    assert list(Draft202012Validator(SCHEMA).iter_errors(changed))


def test_each_profile_has_what_it_takes() -> None:
    def of(profile: str) -> set[str]:
        return {name for name, service in SERVICES.items() if profile in service.get("profiles", [])}

    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "rabbitmq",
        "kafka",
        "influxdb",
    }
    assert of("more") == {"rabbitmq4"}
    seen = {"prometheus", "grafana"}
    assert of("precache") == {"bridge", "processor", "web"} | seen
    assert of("keep") == {"keeper"}
    assert of("demo") == {"demo-topics", "demo-bridge", "demo-processor", "demo-keeper", "demo-web", "simulator"} | seen


def test_every_published_port_is_on_the_loopback_address() -> None:
    ports = list(published_ports())
    assert len(ports) == 6
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\$\{PRECACHE_\w+_PORT:-\d+\}:\d+", port)] == []


@every_service
def test_no_service_runs_as_root(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in ("", "0", "root")
    assert not service["user"].startswith(("0:", "root:"))
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "build" in service])
def test_our_own_services_have_what_they_need_and_no_more(name: str) -> None:
    service = SERVICES[name]
    assert service["image"] == "nova-precache"
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["./config:/etc/precache:ro"]
    for file in re.findall(r"/etc/precache/(\S+\.yaml)", " ".join(service["command"])):
        assert (ROOT / "config" / file).exists()


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_what_watches_them_mounts_what_is_there(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    mounted = [volume.split(":")[0] for volume in service["volumes"] if volume.startswith("./")]
    assert mounted
    assert all((ROOT / each).is_dir() for each in mounted)


@pytest.mark.parametrize("name", ["demo-bridge", "demo-processor", "demo-keeper", "demo-web"])
def test_the_files_of_the_demo_have_no_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "config" / str(SERVICES[name]["command"][-1]).removeprefix("/etc/precache/")
    for variable in ("PRECACHE_KAFKA_PORT", "PRECACHE_INFLUX_PORT", "PRECACHE_RABBITMQ_PORT"):
        monkeypatch.delenv(variable, raising=False)
    config: Any = load(path, model_of(kind_of(path)))
    assert config.kafka.servers == "localhost:9092"


def test_the_simulated_clouds_are_those_that_the_bridge_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRECACHE_RABBITMQ_PASSWORD", raising=False)
    config = load(ROOT / "config" / "compose" / "bridge.yaml", BridgeConfig)
    assert {cloud.name: cloud.listening.topic for cloud in config.clouds} == {
        cloud: topic_of(cloud) for cloud in {request.cloud for request in requests()}
    }


@pytest.mark.parametrize("name", ["rabbitmq", "rabbitmq4", "kafka", "influxdb"])
def test_each_server_is_waited_for_and_keeps_its_data(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    volumes = [volume.split(":")[0] for volume in SERVICES[name]["volumes"]]
    assert volumes
    assert set(volumes) <= set(COMPOSE["volumes"])


@every_service
def test_every_image_has_a_version(name: str) -> None:
    if "build" not in SERVICES[name]:
        assert re.search(r":v?\d", SERVICES[name]["image"])


def test_no_password_is_fixed() -> None:
    secret = re.compile(r"PASS|TOKEN")
    values = [
        value
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if secret.search(key)
    ]
    assert len(values) > 5
    assert all(re.fullmatch(r"\$\{PRECACHE_\w+:-[^}]+\}", value) for value in values)


def test_the_dockerfile_ends_as_another_user_than_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
