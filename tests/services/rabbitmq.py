"""RabbitMQ, from Debian's package, as a node that shares nothing with one the system may run."""

from __future__ import annotations

import secrets
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from .debian import install_package
from .network import HOST, call, exchange, free_ports
from .node import Node as BaseNode
from .node import StartError
from .process import own_environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

# The scripts themselves: those in /usr/sbin change to the user `rabbitmq` first, and use the system's folders.
_SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")
_EPMD: Final = "/usr/bin/epmd"

_USER: Final = "precache"
_VHOST: Final = "precache"

# What opens an AMQP 0-9-1 connection. A broker that takes clients answers with a method frame (type 1) on channel 0.
_AMQP_HEADER: Final = b"AMQP\x00\x00\x09\x01"
_AMQP_START: Final = b"\x01\x00\x00"

# epmd's request for the names it knows; it answers with its own port first.
_EPMD_NAMES: Final = b"\x00\x01n"

# Two schedulers that sleep when idle: by default Erlang spins, at the cost of the servers that share two cores with it.
# No epmd is started by Erlang (it would outlive the node), and other nodes are spoken to on the loopback address alone.
_ERLANG_FLAGS: Final = (
    "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
)


# Quorum queues tell their counts to the API at an interval of their own, by default five seconds.
_QUICK_COUNTS: Final = "[{rabbit, [{quorum_tick_interval, 200}]}]."


class Node(BaseNode):
    """A RabbitMQ node with its management API.

    `conf` adds to rabbitmq.conf (`{"consumer_timeout": "5000"}`) and wins over what stands there; `advanced` is the
    text of an advanced.config (`"[{rabbit, [{channel_tick_interval, 1000}]}]."`). Both may be changed while it is
    stopped.
    """

    name: ClassVar[str] = "rabbitmq"
    # What the names of its variables begin with.
    variable: ClassVar[str] = "PRECACHE_TEST_RABBITMQ"

    def __init__(
        self, base: Path, *, conf: Mapping[str, str] | None = None, advanced: str = _QUICK_COUNTS, tied: bool = True
    ) -> None:
        super().__init__(base, tied=tied)
        self.conf: dict[str, str] = dict(conf or {})
        self.advanced = advanced

    @property
    def port(self) -> int:
        """The port that speaks AMQP."""
        return int(self._settings["port"])

    @property
    def password(self) -> str:
        """The password of the user `precache`, an administrator with every permission."""
        return self._settings["password"]

    @property
    def transport_url(self) -> str:
        """The address as oslo.messaging takes it."""
        return f"rabbit://{_USER}:{self.password}@{HOST}:{self.port}/{_VHOST}"

    @property
    def api_url(self) -> str:
        """The management API, for the same user."""
        return f"http://{HOST}:{self._settings['api_port']}"

    @property
    def rabbitmqctl_path(self) -> Path:
        """A script that runs rabbitmqctl for this node."""
        return self.base / "rabbitmqctl"

    def rabbitmqctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return what it prints; half a second each, so prefer the API where it can do the same."""
        argv = [str(self.rabbitmqctl_path), "--quiet", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout

    @classmethod
    def install(cls) -> None:
        """Install Debian's package when it is missing."""
        if not (_SCRIPTS / "rabbitmq-server").exists():
            install_package(cls.name, "rabbitmq-server", provides=_SCRIPTS / "rabbitmq-server")

    @classmethod
    def _command(cls, *argv: str) -> list[str]:
        """Return what runs one of the package's programs."""
        return list(argv)

    def exports(self) -> dict[str, str]:
        """Return the address, and beside it the API and the control script."""
        return {
            f"{self.variable}_URL": self.transport_url,
            f"{self.variable}_API": self.api_url,
            f"{self.variable}CTL": str(self.rabbitmqctl_path),
        }

    def answers(self) -> bool:
        """Whether it takes AMQP clients, and its API knows the user."""
        if not exchange(self.port, _AMQP_HEADER).startswith(_AMQP_START):
            return False
        status, _ = call("GET", f"{self.api_url}/api/vhosts/{_VHOST}", user=(_USER, self.password))
        return status == 200

    def _choose_settings(self) -> dict[str, str]:
        port, api_port, dist_port, epmd_port = map(str, free_ports(4))
        ports = {"port": port, "api_port": api_port, "dist_port": dist_port, "epmd_port": epmd_port}
        # The name is part of the data's layout, and the password is in it: both outlast a change of ports.
        lasting = {"password": secrets.token_hex(12), "nodename": f"precache-{secrets.token_hex(4)}@localhost"}
        return lasting | self._settings | ports

    def _ports(self) -> list[int]:
        return [int(self._settings[key]) for key in ("port", "api_port", "dist_port", "epmd_port")]

    def _variables(self) -> dict[str, str]:
        """What rabbitmq-server and rabbitmqctl read; every path is named, so that nothing of the system's is used."""
        return {
            "HOME": str(self.base),  # where the Erlang cookie is made and looked for
            "ERL_EPMD_PORT": self._settings["epmd_port"],
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": self._settings["nodename"],
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": self._settings["port"],
            "RABBITMQ_DIST_PORT": self._settings["dist_port"],
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(self.base / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.base / "generated"),
            "RABBITMQ_CONFIG_FILE": str(self.base / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.base / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.base / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.base / "rabbitmq.pid"),
        }

    def _prepare(self) -> None:
        conf = {
            "default_user": _USER,
            "default_pass": self.password,
            "default_vhost": _VHOST,
            "default_user_tags.administrator": "true",
            "management.tcp.ip": HOST,
            "management.tcp.port": self._settings["api_port"],
            # Tests wait for what the API counts, which by default is up to five seconds old.
            "collect_statistics_interval": "200",
            # By default a broker blocks its publishers when less disk is free than it has memory.
            "disk_free_limit.absolute": "100MB",
            # RabbitMQ 3's default; 4 refuses more than 16 MiB.
            "max_message_size": "134217728",
        }
        lines = [f"{key} = {value}\n" for key, value in (conf | self.conf).items()]
        (self.base / "rabbitmq.conf").write_text("".join(lines))
        (self.base / "advanced.config").write_text(self.advanced)
        (self.base / "enabled_plugins").write_text("[rabbitmq_management].\n")
        exports = [f"export {key}={shlex.quote(value)}\n" for key, value in self._variables().items()]
        rabbitmqctl = shlex.join(self._command(str(_SCRIPTS / "rabbitmqctl")))
        script = ["#!/bin/sh\n", *exports, f'exec {rabbitmqctl} "$@"\n']
        self.rabbitmqctl_path.write_text("".join(script))
        self.rabbitmqctl_path.chmod(0o700)

    def _launch(self) -> None:
        epmd_port = self._settings["epmd_port"]
        self._spawn("epmd", self._command(_EPMD, "-port", epmd_port, "-address", HOST), own_environment())
        if not wait_until(lambda: bool(exchange(int(epmd_port), _EPMD_NAMES)), 10.0):
            msg = f"epmd does not answer on port {epmd_port}"
            raise StartError(msg)
        env = own_environment(
            **self._variables(),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=_ERLANG_FLAGS,
            # Makes the start script become the Erlang machine, where it would else stay beside it as its parent.
            RUNNING_UNDER_SYSTEMD="true",
        )
        self._spawn("server", self._command(str(_SCRIPTS / "rabbitmq-server")), env)
