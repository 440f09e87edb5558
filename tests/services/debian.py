"""Installing a Debian package without the services it would start."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from .node import StartError, tail
from .state import cache_dir, emit, locked

if TYPE_CHECKING:
    from pathlib import Path

# Debian asks policy-rc.d before a package starts its service: 101 says no. One that stands there already is left alone.
_INSTALL: Final = """
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\\nexit 101\\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$1"
"""


def _root_prefix() -> list[str] | None:
    """Return what stands before a command to run it as root; None when that takes a password or can't be."""
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def install_package(server: str, package: str, *, provides: Path) -> None:
    """Install a package that gives the file; the error says what to do where that is not possible."""
    with locked(cache_dir() / "install-apt.lock", waiting="another run is installing packages"):
        if provides.exists():
            return
        prefix = _root_prefix()
        if prefix is None or shutil.which("apt-get") is None:
            why = "there is no apt-get" if prefix is not None else "installing takes root, or sudo without a password"
            msg = f"{server} is missing, and {why}: install the Debian package {package} by hand, or give its address"
            raise StartError(msg)
        emit(server, f"installing the Debian package {package} (about half a minute)")
        log = cache_dir() / f"install-{package}.log"
        with log.open("wb") as output:
            argv = [*prefix, "sh", "-c", _INSTALL, "sh", package]
            done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        if done.returncode != 0 or not provides.exists():
            msg = f"could not install the Debian package {package}; the end of {log}:\n{tail(log)}"
            raise StartError(msg)


def main_archive() -> str:
    """Return the address from which apt takes this Debian's own packages, as apt itself is configured.

    Raises:
        StartError: apt has no such source.
    """
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    argv = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Identifier: Packages"]
    listed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        if line.startswith(f"{release} main "):
            return line.split()[-1]
    raise StartError(f"apt has no source for {release} main: see `apt-get indextargets`")
