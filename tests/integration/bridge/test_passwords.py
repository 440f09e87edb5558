"""Users of a real RabbitMQ whose passwords hold what a URL takes for its own marks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
import yaml

from tests.integration.bridge.rig import Rig
from tests.support.poisons import envelope, progress
from tests.support.process import Precache, free_port

ALL_MARKS = "p@ss/wo#r?d:%41,&=é [x]+ ${Y}"
# What stands before the slash could be a port, and what follows a virtual host.
LIKE_A_PORT = "55/hidden"


@dataclass(frozen=True)
class User:
    name: str
    password: str
    rig: Rig

    @property
    def host(self) -> str:
        return urlsplit(self.rig.cloud.transport_url).netloc.rpartition("@")[2]

    @property
    def vhost(self) -> str:
        return quote(self.rig.cloud.vhost, safe="")

    def url(self, password: str) -> str:
        return f"rabbit://{self.name}:{password}@{self.host}/{self.vhost}"

    @property
    def pieces(self) -> list[str]:
        """What must never be seen: the password, encoded too, and what stands between its marks."""
        found = [self.password, quote(self.password, safe="")]
        for mark in "@/#?:,":
            found += self.password.split(mark)[1:]
        return [piece for piece in found if len(piece) > 2]


@pytest.fixture
def user(request: pytest.FixtureRequest, rig: Rig) -> Iterator[User]:
    made = User(f"user-{uuid4().hex[:8]}", request.param, rig)
    status, answer = rig.cloud.api("PUT", f"users/{made.name}", {"password": made.password, "tags": ""})
    assert status in {201, 204}, answer
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    rig.cloud.api("PUT", f"permissions/{{vhost}}/{made.name}", rights)
    yield made
    rig.cloud.api("DELETE", f"users/{made.name}")


def config_file(user: User, password: str) -> Path:
    port = free_port()
    config = user.rig.config(user.rig.paris(transport_url=user.url(password)))
    file = user.rig.folder / f"bridge-{port}.yaml"
    file.write_text(yaml.safe_dump(config | {"http": {"listen": f"127.0.0.1:{port}"}}))
    return file


def port_of(file: Path) -> int:
    return int(yaml.safe_load(file.read_text())["http"]["listen"].rpartition(":")[2])


@pytest.mark.parametrize("user", [ALL_MARKS, LIKE_A_PORT], indirect=True)
def test_a_variable_holds_the_password_as_it_is(user: User) -> None:
    file = config_file(user, "${PARIS_PASSWORD}")
    env = {"PARIS_PASSWORD": user.password}
    folder = user.rig.folder
    with Precache(["bridge", "--config", str(file)], folder, name="bridge", env=env, http=port_of(file)) as bridge:
        bridge.wait_ready()
        user.rig.publish([envelope(progress())])
        user.rig.wait_forwarded([progress()["message_id"]])
        assert bridge.stop() == 0
    with Precache(["doctor", "--config", str(file), "--json"], folder, name="doctor", env=env) as doctor:
        assert doctor.wait_end(60) in {0, 1}
        found = {each["check"]: each["state"] for each in map(json.loads, doctor.stdout.splitlines())}
    assert found[f"paris: RabbitMQ {user.host}"] == "ok", doctor.stdout
    for piece in user.pieces:
        assert piece not in bridge.stderr + doctor.stdout + doctor.stderr


@pytest.mark.parametrize("user", [LIKE_A_PORT], indirect=True)
def test_a_password_that_is_wrong_is_reported_without_it(user: User) -> None:
    file = config_file(user, "${PARIS_PASSWORD}")
    env = {"PARIS_PASSWORD": f"{user.password}-not"}
    with Precache(
        ["bridge", "--config", str(file)], user.rig.folder, name="bridge", env=env, http=port_of(file)
    ) as bridge:
        bridge.wait_text(f"refuses the credentials of user '{user.name}'")
        said = bridge.ready()[1] + bridge.stderr
    assert all(piece not in said for piece in user.pieces)


@pytest.mark.parametrize("user", [LIKE_A_PORT, ALL_MARKS], indirect=True)
def test_a_password_in_the_file_itself_has_to_be_encoded_and_is_not_reported(user: User) -> None:
    file = config_file(user, user.password.replace("${", "$${"))
    with Precache(["bridge", "--config", str(file)], user.rig.folder, name="bridge", http=port_of(file)) as bridge:
        assert bridge.wait_end() == 2
    assert "percent-encoded" in bridge.stderr
    assert all(piece not in bridge.stderr for piece in user.pieces)


@pytest.mark.parametrize("user", [ALL_MARKS], indirect=True)
@pytest.mark.parametrize("way", ["file", "environment"])
def test_watch_takes_the_url_from_elsewhere_than_its_arguments(user: User, way: str) -> None:
    url = user.url(quote(user.password, safe=""))
    file = user.rig.folder / "url"
    file.write_text(f"{url}\n")
    where = ["--transport-url-file", str(file)] if way == "file" else []
    env = {"PRECACHE_TRANSPORT_URL": url if way == "environment" else "rabbit://is-not-asked/"}
    args = ["watch", *where, "--exchange", user.rig.cloud.exchange, "--timeout", "1s"]
    with Precache(args, user.rig.folder, name="watch", env=env) as watch:
        assert watch.wait_end() == 5, watch.stderr
        said = watch.stdout + watch.stderr
    assert "watching" in said
    assert all(piece not in said for piece in user.pieces)
