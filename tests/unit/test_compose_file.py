"""docker-compose.yml follows the compose specification, and nothing in it is open to the network or runs as root."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

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


def test_the_servers_and_our_own_two_are_there() -> None:
    assert set(SERVICES) == {"rabbitmq", "rabbitmq4", "kafka", "influxdb", "bridge", "processor"}
    assert SERVICES["rabbitmq4"]["profiles"] == ["more"]
    assert [name for name, service in SERVICES.items() if service.get("profiles") == ["precache"]] == [
        "bridge",
        "processor",
    ]


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


@pytest.mark.parametrize("name", ["bridge", "processor"])
def test_our_own_services_have_what_they_need_and_no_more(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["./config:/etc/precache:ro"]
    assert service["build"]["args"] == {"EXTRA": name}
    assert service["command"] == [name, "--config", f"/etc/precache/{name}.yaml"]


@pytest.mark.parametrize("name", ["rabbitmq", "rabbitmq4", "kafka", "influxdb"])
def test_each_server_is_waited_for_and_keeps_its_data(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    volumes = [volume.split(":")[0] for volume in SERVICES[name]["volumes"]]
    assert volumes
    assert set(volumes) <= set(COMPOSE["volumes"])


@every_service
def test_every_image_has_a_version(name: str) -> None:
    if "build" not in SERVICES[name]:
        assert re.search(r":\d", SERVICES[name]["image"])


def test_no_password_is_fixed() -> None:
    secret = re.compile(r"PASS|TOKEN")
    values = [
        value
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if secret.search(key)
    ]
    assert len(values) == 5
    assert all(re.fullmatch(r"\$\{PRECACHE_\w+:-[^}]+\}", value) for value in values)


def test_the_dockerfile_ends_as_another_user_than_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
