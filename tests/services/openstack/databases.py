"""The databases of an empty cloud, which are made once: each cloud begins with a copy."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.services import postgres
from tests.services.build import made_once, run
from tests.services.network import free_ports
from tests.services.node import StartError, tail
from tests.services.process import spawn, wait_until
from tests.services.state import cache_dir, emit

from . import client, config, install

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES: Final = ("keystone", "placement", "glance", "nova_api", "nova_cell0", "nova_cell1")
_CELL: Final = "{scheme}://{username}@{hostname}:{port}"
_START_TIMEOUT_S: Final = 120.0


def place() -> Path:
    """Return where they are, or will be: `data` is PostgreSQL's folder, `keystone` has the keys of the tokens."""
    made_of = [Path(__file__), Path(config.__file__), install.REQUIREMENTS]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in made_of)).hexdigest()[:12]
    return cache_dir() / f"openstack-databases-{digest}"


def make() -> None:
    """Make them, unless that was done before."""
    if place().exists():
        return
    with made_once(place().name) as folder:
        if folder is None:
            return
        emit("openstack", "making its databases (about half a minute; this once)")
        with _server(folder) as server:
            layout = config.Layout(
                folder,
                dict(zip(config.TYPES, free_ports(len(config.TYPES)), strict=True)),
                server.port,
                "rabbit://nobody@127.0.0.1:1/",
            )
            config.write(layout, install.venv())
            for name in _NAMES:
                server.sql("postgres", f"create database {name}")
            with ThreadPoolExecutor(2) as pool:
                for done in [pool.submit(_identity, layout), pool.submit(_compute, layout)]:
                    done.result()
            _catalogue(layout)
        for entry in folder.iterdir():
            if entry.name not in ("data", "keystone"):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[postgres.Node]:
    with postgres.Node(folder) as server:
        yield server


def _run(layout: config.Layout, module: str, file: str, *arguments: str) -> None:
    code = f"import sys; from {module} import main; sys.exit(main())"
    argv = [install.python(), "-c", code, "--config-file", str(layout.etc / file), *arguments]
    run(argv, cwd=layout.base, log=cache_dir() / "install-openstack.log")


def _identity(layout: config.Layout) -> None:
    """Lay out Keystone's, Placement's and Glance's."""
    for command in (
        ["db_sync"],
        ["fernet_setup", "--keystone-user", "root", "--keystone-group", "root"],
        ["credential_setup", "--keystone-user", "root", "--keystone-group", "root"],
        ["bootstrap", "--bootstrap-password", config.PASSWORD, "--bootstrap-region-id", "RegionOne"]
        + [f"--bootstrap-{kind}-url={layout.url('keystone')}" for kind in ("public", "internal", "admin")],
    ):
        _run(layout, "keystone.cmd.manage", "keystone.conf", *command)
    _run(layout, "placement.cmd.manage", "placement.conf", "db", "sync")
    _run(layout, "glance.cmd.manage", "glance-api.conf", "db_sync")


def _compute(layout: config.Layout) -> None:
    """Lay out Nova's: that of its API, that of cell 0, and that of its one cell."""
    cell = [
        "--database_connection",
        f"{_CELL}/nova_cell1",
        "--transport-url",
        "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}",
    ]
    for command in (
        ["api_db", "sync"],
        ["cell_v2", "map_cell0", "--database_connection", f"{_CELL}/nova_cell0"],
        ["cell_v2", "create_cell", "--name", "cell1", *cell],
        ["db", "sync"],
    ):
        _run(layout, "nova.cmd.manage", "nova.conf", *command)


def _catalogue(layout: config.Layout) -> None:
    """Through Keystone's API: the services, their users, and the user whom Nova's policy refuses."""
    (layout.base / "wanted" / "keystone").touch()
    argv = [install.python(), str(install.INSIDE / "launcher.py"), str(layout.base), "others"]
    launcher = spawn(argv, env=install.environment(layout.base), cwd=layout.base, log=layout.base / "launcher.log")
    try:
        keystone = layout.url("keystone")
        if not wait_until(lambda: client.request("GET", keystone).status == 200, _START_TIMEOUT_S):
            raise StartError(
                f"Keystone did not start; the end of its log:\n{tail(layout.base / 'log' / 'keystone.out')}"
            )
        _Keystone(keystone).fill()
    finally:
        launcher.end(timeout_s=20.0)


class _Keystone:
    def __init__(self, url: str) -> None:
        self._url = url
        self._headers = {"X-Auth-Token": client.token(url, "admin", "admin")}

    def fill(self) -> None:
        """Make users, services and endpoints; the true addresses are put in when a cloud starts."""
        listed = client.request("GET", f"{self._url}/roles", headers=self._headers).checked().body["roles"]
        roles = {role["name"]: role["id"] for role in listed}
        service = self._create("project", name="service", domain_id="default")
        for name, kind in config.TYPES.items():
            if name == "keystone":
                continue
            user = name.removesuffix("-api")
            self._user(user, service, roles["admin"], roles["service"])
            made = self._create("service", name=user, type=kind)
            for interface in ("public", "internal", "admin"):
                self._create(
                    "endpoint", service_id=made, interface=interface, url="http://127.0.0.1:1", region_id="RegionOne"
                )
        self._user("member", self._create("project", name="demo", domain_id="default"), roles["member"])

    def _create(self, kind: str, **values: str) -> str:
        answer = client.request("POST", f"{self._url}/{kind}s", body={kind: values}, headers=self._headers)
        return str(answer.checked().body[kind]["id"])

    def _user(self, name: str, project: str, *roles: str) -> None:
        user = self._create("user", name=name, password=config.PASSWORD, domain_id="default")
        for role in roles:
            url = f"{self._url}/projects/{project}/users/{user}/roles/{role}"
            client.request("PUT", url, headers=self._headers).checked()
