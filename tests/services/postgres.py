"""PostgreSQL, from Debian's package, as a server of one node's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar, Final

from .debian import install_package
from .network import HOST, free_ports
from .node import Node as BaseNode
from .node import StartError
from .process import own_environment

_VERSIONS: Final = Path("/usr/lib/postgresql")
# It comes with the server alone; the folder above comes with the client, too.
_SERVER_ONLY: Final = Path("/usr/bin/pg_ctlcluster")

USER: Final = "postgres"

# PostgreSQL refuses to run as root. In a user namespace it is somebody else, and its files stay root's on the outside.
_NOT_ROOT: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000")

# The data need not outlast the machine.
_UNSAFE_BUT_QUICK: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def _program(name: str) -> str:
    """Return where a program of the newest version is."""
    found = sorted(_VERSIONS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise StartError(f"the Debian package postgresql has no {name} below {_VERSIONS}")
    return str(found[-1])


def _as_user(*argv: str) -> list[str]:
    return [*(_NOT_ROOT if os.geteuid() == 0 else ()), *argv]


class Node(BaseNode):
    """A PostgreSQL server without passwords, on the loopback address.

    `template` is a data folder to begin with; without one, an empty database cluster is laid out.
    """

    name: ClassVar[str] = "postgres"

    def __init__(self, base: Path, *, template: Path | None = None, tied: bool = True) -> None:
        super().__init__(base, tied=tied)
        self._template = template

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._settings["port"])

    @classmethod
    def install(cls) -> None:
        """Install Debian's package when it is missing."""
        if not _SERVER_ONLY.exists():
            install_package(cls.name, "postgresql", provides=_SERVER_ONLY)

    def exports(self) -> dict[str, str]:
        """Return nothing: it serves other servers, and no test."""
        return {}

    def answers(self) -> bool:
        """Whether it takes connections."""
        argv = [_program("pg_isready"), "--quiet", "--host", HOST, "--port", str(self.port), "--username", USER]
        return subprocess.run(argv, check=False, env=own_environment()).returncode == 0

    def sql(self, database: str, text: str) -> str:
        """Run statements and return what they print, one row a line.

        Raises:
            StartError: one of them failed.
        """
        place = ["--host", HOST, "--port", str(self.port), "--username", USER, "--dbname", database]
        argv = [_program("psql"), "-qAt", "--set", "ON_ERROR_STOP=1", *place, "--command", text]
        done = subprocess.run(argv, check=False, env=own_environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise StartError(f"PostgreSQL refused {text!r}: {done.stderr}")
        return done.stdout

    def _choose_settings(self) -> dict[str, str]:
        return {"port": str(free_ports(1)[0])}

    def _ports(self) -> list[int]:
        return [self.port]

    def _prepare(self) -> None:
        if self.data.exists():
            return
        if self._template is not None:
            shutil.copytree(self._template, self.data)
            return
        options = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        argv = _as_user(_program("initdb"), "--pgdata", str(self.data), *options, "--wal-segsize=2")
        done = subprocess.run(argv, check=False, env=own_environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise StartError(f"PostgreSQL's initdb failed: {done.stderr}")

    def _launch(self) -> None:
        # A machine that was switched off leaves this behind, and the process that it names may be another one by now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
        }
        options = [word for key, value in (_UNSAFE_BUT_QUICK | settings).items() for word in ("-c", f"{key}={value}")]
        argv = _as_user(_program("postgres"), "-D", str(self.data), *options)
        self._spawn("server", argv, own_environment())
