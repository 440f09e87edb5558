"""RabbitMQ 4.0, from the package of Debian 13, on a machine that runs an earlier Debian.

debootstrap puts a small Debian 13 into the cache. A node sees that one's /usr and /etc in the place of this machine's,
and all else as it is: process numbers, signals, ports and folders are the same inside and outside. The mounts are in a
namespace of the node's own, so they end with it, however it ends.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar, Final

from . import rabbitmq
from .build import made_once, run
from .debian import install_package, main_archive
from .node import StartError
from .state import cache_dir, emit

_SUITE: Final = "trixie"
_DEBOOTSTRAP: Final = Path("/usr/sbin/debootstrap")

# /usr comes last: `mount` is this machine's own.
_INSIDE: Final = 'mount --bind "$1/etc" /etc && mount --bind "$1/usr" /usr && shift && exec "$@"'


def _root() -> Path:
    return cache_dir() / f"rabbitmq4-{_SUITE}"


class Node(rabbitmq.Node):
    """A RabbitMQ 4.0 node; it can do what one of :class:`tests.services.rabbitmq.Node` can."""

    name: ClassVar[str] = "rabbitmq4"
    variable: ClassVar[str] = "PRECACHE_TEST_RABBITMQ4"

    @classmethod
    def install(cls) -> None:
        """Make a small Debian with the package in it."""
        if _root().exists():
            return
        if os.geteuid() != 0:
            msg = "rabbitmq4 takes root, to make a small Debian and to mount it: give the address of a running one"
            raise StartError(msg)
        install_package(cls.name, "debootstrap", provides=_DEBOOTSTRAP)
        with made_once(_root().name) as folder:
            if folder is None:
                return
            emit(cls.name, f"making a small Debian, {_SUITE}, with RabbitMQ in it (90 seconds; this once)")
            what = ["--variant=minbase", "--include=rabbitmq-server", _SUITE, str(folder), main_archive()]
            # It mounts /proc in there, and must not leave it behind when it is killed.
            run(
                ["unshare", "--mount", str(_DEBOOTSTRAP), *what],
                cwd=cache_dir(),
                log=cache_dir() / "install-rabbitmq4.log",
            )
            shutil.rmtree(folder / "var" / "cache" / "apt")

    @classmethod
    def _command(cls, *argv: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", _INSIDE, "sh", str(_root()), *argv]
