"""InfluxDB 2, built from its Go module."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING, ClassVar, Final

from .build import made_once, require, run
from .network import HOST, call, free_ports
from .node import Node as BaseNode
from .node import StartError
from .process import own_environment
from .state import cache_dir, emit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION: Final = "2.7.12"

_ORG: Final = "precache"

_NATS_FORK: Final = "github.com/influxdata/nats-streaming-server"

# The replacement is the one in InfluxDB's own go.mod, which counts only where that is the main module.
_GO_MOD: Final = f"""\
module precache.tests/influxd

go 1.24

require (
	github.com/influxdata/influxdb/v2 v{VERSION}
	github.com/influxdata/pkg-config v0.2.14
)

replace github.com/nats-io/nats-streaming-server v0.11.2 => {_NATS_FORK} v0.11.3-0.20201112040610-c277f7560803
"""

# Its query engine is Rust, written for an older compiler, and denies warnings that newer ones have added.
# RUSTFLAGS does not reach its build dependencies; this does.
_RUSTC_WRAPPER: Final = '#!/bin/sh\nexec "$@" --cap-lints warn\n'


def _build(folder: Path) -> None:
    """Build influxd in the folder, with what its own build needs on the way."""
    log = cache_dir() / "install-influxdb.log"
    log.unlink(missing_ok=True)
    (folder / "go.mod").write_text(_GO_MOD)
    tools = folder / "tools"
    tools.mkdir()
    wrapper = tools / "rustc-wrapper"
    wrapper.write_text(_RUSTC_WRAPPER)
    wrapper.chmod(0o755)
    # It finds the Rust library by a pkg-config of its own, which builds that library when asked for it.
    go_build = ["go", "build", "-mod=mod"]
    emit("influxdb", "fetching sources from the Go module proxy")
    run([*go_build, "-o", str(tools), "github.com/influxdata/pkg-config"], cwd=folder, log=log)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "RUSTC_WRAPPER": str(wrapper), "GOFLAGS": "-buildvcs=false", **_installed_toolchain()}
    emit("influxdb", f"building InfluxDB {VERSION} (six minutes on two idle cores; this once)")
    tags = ["-tags", "sqlite_foreign_keys,sqlite_json", "-trimpath", "-ldflags", "-s -w"]
    run(
        [*go_build, *tags, "-o", "influxd", "github.com/influxdata/influxdb/v2/cmd/influxd"],
        cwd=folder,
        log=log,
        **variables,
    )


def _installed_toolchain() -> dict[str, str]:
    """Name the Rust toolchain that is there: the sources ask for another, which would have to be downloaded."""
    if shutil.which("rustup") is None:
        return {}
    shown = subprocess.run(["rustup", "show", "active-toolchain"], check=True, capture_output=True, text=True, cwd="/")
    return {"RUSTUP_TOOLCHAIN": shown.stdout.split()[0]}


class Node(BaseNode):
    """An InfluxDB, set up with one organization and an operator token.

    `options` are flags of `influxd` (`{"http-read-timeout": "1s"}`); they may be changed while it is stopped.
    """

    name: ClassVar[str] = "influxdb"

    def __init__(self, base: Path, *, options: Mapping[str, str] | None = None, tied: bool = True) -> None:
        super().__init__(base, tied=tied)
        self.options: dict[str, str] = dict(options or {})

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://{HOST}:{self._settings['port']}"

    @property
    def org(self) -> str:
        """The organization."""
        return _ORG

    @property
    def token(self) -> str:
        """A token that may do everything, buckets included."""
        return self._settings["token"]

    @classmethod
    def _influxd(cls) -> Path:
        return cache_dir() / f"influxdb-{VERSION}" / "influxd"

    @classmethod
    def install(cls) -> None:
        """Build it with Go and Rust."""
        if cls._influxd().exists():
            return
        with made_once(f"influxdb-{VERSION}") as folder:
            if folder is None:
                return
            require(cls.name, "go", "cargo", "rustc", "cc")
            _build(folder)

    def exports(self) -> dict[str, str]:
        """Return address, organization and token."""
        return {
            "PRECACHE_TEST_INFLUX_URL": self.url,
            "PRECACHE_TEST_INFLUX_ORG": self.org,
            "PRECACHE_TEST_INFLUX_TOKEN": self.token,
        }

    def answers(self) -> bool:
        """Whether it is healthy, and once it is set up, knows the token."""
        status, health = call("GET", f"{self.url}/health")
        if status != 200 or health.get("status") != "pass":
            return False
        return not self._is_set_up() or self._knows_token()

    def _knows_token(self) -> bool:
        status, _ = call("GET", f"{self.url}/api/v2/buckets?limit=1", token=self.token)
        return status == 200

    def _is_set_up(self) -> bool:
        _, answer = call("GET", f"{self.url}/api/v2/setup")
        return answer is not None and not answer.get("allowed", True)

    def _choose_settings(self) -> dict[str, str]:
        (port,) = free_ports(1)
        lasting = {"token": secrets.token_urlsafe(32), "password": secrets.token_urlsafe(16)}
        return lasting | self._settings | {"port": str(port)}

    def _ports(self) -> list[int]:
        return [int(self._settings["port"])]

    def _prepare(self) -> None:
        self.data.mkdir(exist_ok=True)

    def _launch(self) -> None:
        options = {
            "http-bind-address": f"{HOST}:{self._settings['port']}",
            "bolt-path": str(self.data / "influxd.bolt"),
            "sqlite-path": str(self.data / "influxd.sqlite"),
            "engine-path": str(self.data / "engine"),
            "log-level": "warn",
            **self.options,
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        # It reads a configuration from its working folder, or from where this variable says: there is none.
        env = own_environment(HOME=str(self.base), INFLUXD_CONFIG_PATH=str(self.data))
        self._spawn("server", [str(self._influxd()), "run", "--reporting-disabled", *flags], env)

    def _set_up(self) -> None:
        if self._is_set_up():
            return
        body = {
            "username": "precache",
            "password": self._settings["password"],
            "org": _ORG,
            "bucket": "unused",
            "token": self.token,
        }
        status, answer = call("POST", f"{self.url}/api/v2/setup", body=body, timeout_s=30.0)
        if status != 201:
            msg = f"InfluxDB refused to be set up: {status} {answer}"
            raise StartError(msg)
