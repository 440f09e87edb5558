"""The cloud as a server of the tests: it starts, stops, and its parts can be stopped and started one by one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tests.services import postgres, rabbitmq
from tests.services.network import free_ports
from tests.services.node import Node as BaseNode
from tests.services.node import StartError, tail
from tests.services.process import wait_until

from . import client, config, databases, install

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STEP_TIMEOUT_S: Final = 60.0


class Node(BaseNode):
    """A small OpenStack with a RabbitMQ and a PostgreSQL of its own.

    `hosts` are the names of its computes; of the default ones, tests take `cmp6` down, and no other. `nova` adds to
    nova.conf, by section, and wins over what stands there.
    """

    name: ClassVar[str] = "openstack"

    def __init__(
        self,
        base: Path,
        *,
        hosts: Sequence[str] = ("cmp1", "cmp2", "cmp3", "cmp4", "cmp5", "cmp6"),
        nova: Mapping[str, Mapping[str, str]] | None = None,
        tied: bool = True,
    ) -> None:
        super().__init__(base, tied=tied)
        self._hosts = tuple(hosts)
        self._nova = dict(nova or {})
        self._token = ""
        self.rabbitmq: Final = rabbitmq.Node(base / "rabbitmq", tied=tied)
        self._postgres = postgres.Node(base / "postgres", template=databases.place() / "data", tied=tied)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts."""
        return tuple(self._settings["hosts"].split())

    @property
    def layout(self) -> config.Layout:
        """Where everything is."""
        ports = {name: int(self._settings[name]) for name in config.TYPES}
        return config.Layout(
            self.base, ports, self._postgres.port, self.rabbitmq.transport_url, hosts=self.hosts, nova=self._nova
        )

    @property
    def clouds_yaml(self) -> Path:
        """What OpenStack's clients read: the clouds `admin` and `member`."""
        return self.base / "clouds.yaml"

    @classmethod
    def install(cls) -> None:
        """Install OpenStack and its servers, and make its databases, unless that was done before."""
        rabbitmq.Node.install()
        postgres.Node.install()
        install.install()
        databases.make()

    def exports(self) -> dict[str, str]:
        """Return the folder: a test that makes a node on it has the whole cloud in its hands."""
        return {"PRECACHE_TEST_OPENSTACK": str(self.base)}

    def answers(self) -> bool:
        """Whether every host is known to Nova and to Placement, so that images can be cached and servers booted."""
        if not self._token:
            self._token = client.token(self.layout.url("keystone"), "admin", "admin")
        headers = {"X-Auth-Token": self._token, "OpenStack-API-Version": "placement 1.4"}
        places = {
            "glance": ("", "versions", ""),
            "placement": ("/resource_providers?resources=VCPU:1", "resource_providers", "name"),
            "nova-api": ("/os-hypervisors", "hypervisors", "hypervisor_hostname"),
        }
        for service, (path, key, name) in places.items():
            answer = client.request("GET", self.layout.url(service) + path, headers=headers)
            listed = answer.body.get(key, []) if isinstance(answer.body, dict) else []
            if not listed or (name and not set(self.hosts) <= {entry[name] for entry in listed}):
                return False
        return True

    def is_alive(self) -> bool:
        """Whether its launcher and its servers run."""
        return super().is_alive() and self.rabbitmq.is_alive() and self._postgres.is_alive()

    def stop(self) -> None:
        """End the services in an orderly way, then what they use."""
        super().stop()
        self.rabbitmq.stop()
        self._postgres.stop()

    def kill(self) -> None:
        """End everything at once."""
        super().kill()
        self.rabbitmq.kill()
        self._postgres.kill()

    def start_service(self, name: str) -> None:
        """Start one service: `nova-api`, `nova-conductor`, `glance`, `compute-HOST`, ..."""
        (self.base / "wanted" / name).touch()
        self._wait_service(name, runs=True)

    def stop_service(self, name: str) -> None:
        """End one service in an orderly way."""
        (self.base / "wanted" / name).unlink(missing_ok=True)
        self._wait_service(name, runs=False)

    def kill_service(self, name: str) -> None:
        """End one service as a power cut would."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int((self.base / "running" / name).read_text()), signal.SIGKILL)
        self._wait_service(name, runs=False)

    def script(self, image: str, rules: Mapping[str, Mapping[str, Any]]) -> None:
        """Say what hosts do with an image: `{"*": {"delay_s": 0.5}, "cmp2": {"result": "error"}}` (see scripted.py)."""
        file = self.base / "script" / f"{image}.json"
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(rules))
        draft.rename(file)

    def images_on(self, host: str) -> set[str]:
        """Return the images that are in the cache of a host: what is true, whatever anybody reports."""
        folder = self.base / "hosts" / host / "images"
        return {file.name for file in folder.iterdir()} if folder.exists() else set()

    def image_file(self, host: str, image: str) -> Path:
        """Return where the cache of a host has an image; its time is that of the last use."""
        return self.base / "hosts" / host / "images" / image

    def _wait_service(self, name: str, *, runs: bool) -> None:
        file = self.base / "running" / name
        if not wait_until(lambda: file.exists() == runs, _STEP_TIMEOUT_S):
            raise StartError(f"{name} does not {'start' if runs else 'end'}; the end of {self.log}:\n{tail(self.log)}")

    def _choose_settings(self) -> dict[str, str]:
        ports = zip(config.TYPES, map(str, free_ports(len(config.TYPES))), strict=True)
        return {"hosts": " ".join(self._hosts)} | self._settings | dict(ports)

    def _ports(self) -> list[int]:
        return [int(self._settings[name]) for name in config.TYPES]

    def _prepare(self) -> None:
        keys = self.base / "keystone"
        if not keys.exists():
            shutil.copytree(databases.place() / "keystone", keys)

    def _launch(self) -> None:
        # All three begin side by side. What needs the servers begins when they answer.
        self.rabbitmq.begin()
        self._postgres.begin()
        layout = self.layout
        config.write(layout, install.venv())
        wanted = self.base / "wanted"
        for left in (*wanted.iterdir(), *(self.base / "running").iterdir()):
            left.unlink()
        launcher = [install.python(), str(install.INSIDE / "launcher.py"), str(self.base)]
        for role, group in (("others", "others"), ("server", "nova")):
            self._spawn(role, [*launcher, group], install.environment(self.base))
        self._postgres.await_answer()
        self._set_addresses(layout)
        for name in ("keystone", "placement", "glance", "neutron"):
            (wanted / name).touch()
        self.rabbitmq.await_answer()
        for name in json.loads((self.base / "launcher.json").read_text()):
            (wanted / name).touch()

    def _set_addresses(self, layout: config.Layout) -> None:
        """Put the addresses of this cloud into Keystone's catalogue."""
        of_type = "where service_id in (select id from service where type = '{}');"
        statements = [
            f"update endpoint set url = '{layout.url(name)}' {of_type.format(kind)}"  # noqa: S608 - our own words
            for name, kind in config.TYPES.items()
        ]
        self._postgres.sql("keystone", " ".join(statements))
