"""A container engine of one test's own: Debian's dockerd, with a base image that debootstrap makes.

No image can be fetched where the tests run, so the name that the Dockerfile asks for is given to a Debian of our own.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .build import made_once, run
from .debian import install_package, main_archive
from .node import StartError, tail
from .process import wait_until
from .state import cache_dir, emit

_DOCKER: Final = Path("/usr/bin/docker")
_DOCKERD: Final = Path("/usr/sbin/dockerd")
_DEBOOTSTRAP: Final = Path("/usr/sbin/debootstrap")
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_RELEASE: Final = "bookworm"
_PACKAGES: Final = "ca-certificates,python3,python3-pip,python3-venv"
# As on the host, whose registries may be reached by way of a proxy with a certificate of its own.
_VARIABLES: Final = ("SSL_CERT_FILE", "PIP_CERT", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "HTTPS_PROXY")
_BUILD_S: Final = 600.0


class Engine:
    """A running dockerd."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def run(self, *args: str, timeout_s: float = _BUILD_S) -> subprocess.CompletedProcess[str]:
        """Run `docker ARGS`."""
        argv = [str(_DOCKER), "-H", f"unix://{self._socket}", *args]
        # BuildKit is a plugin that Debian does not have.
        environ = os.environ | {"DOCKER_BUILDKIT": "0"}
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=timeout_s, env=environ)

    def import_base(self, name: str) -> None:
        """Give a name to the base image."""
        changes = [f"ENV {name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
        args = [word for change in [*changes, "CMD python3"] for word in ("--change", change)]
        done = self.run("import", *args, str(_base()), name)
        if done.returncode != 0:
            raise StartError(f"docker import: {done.stderr}")


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Run a dockerd with a folder, a socket and no network of its own.

    Raises:
        StartError: it does not start; its last words are in the text.
    """
    if not _DOCKERD.exists():
        install_package("docker", "docker.io", provides=_DOCKERD)
    socket, log = folder / "docker.sock", folder / "dockerd.log"
    argv = [
        str(_DOCKERD),
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'dockerd.pid'}",
        f"--host=unix://{socket}",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
    ]
    with log.open("wb") as output, subprocess.Popen(argv, stdout=output, stderr=output) as process:
        try:
            made = Engine(socket)
            if not wait_until(lambda: made.run("version").returncode == 0 or process.poll() is not None, 60):
                raise StartError(f"dockerd does not answer:\n{tail(log)}")
            if process.poll() is not None:
                raise StartError(f"dockerd ended:\n{tail(log)}")
            yield made
        finally:
            process.terminate()
            process.wait(30)
            _unmount(folder)


def _unmount(folder: Path) -> None:
    """Unmount what dockerd leaves mounted below a folder, the innermost first: else nobody can remove the folder."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((each for each in points if each.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", point], check=True)


def _base() -> Path:
    """Return an archive of a small Debian with Python, made the first time."""
    name = f"container-base-{_RELEASE}"
    with made_once(name) as folder:
        if folder is not None:
            emit("docker", "making a base image by debootstrap (about a minute; this once)")
            if not _DEBOOTSTRAP.exists():
                install_package("docker", "debootstrap", provides=_DEBOOTSTRAP)
            root, log = folder / "root", folder / "debootstrap.log"
            argv = [str(_DEBOOTSTRAP), "--variant=minbase", f"--include={_PACKAGES}", _RELEASE, str(root)]
            run([*argv, main_archive()], cwd=folder, log=log)
            _finish(root)
            run(["tar", "-C", str(root), "-cf", str(folder / "base.tar"), "."], cwd=folder, log=log)
            shutil.rmtree(root)
    return cache_dir() / name / "base.tar"


def _finish(root: Path) -> None:
    """Make it what the official image of Python is: `python` and `pip` work, and the host's registries are trusted."""
    (root / "usr/bin/python").symlink_to("python3")
    for marker in (root / "usr/lib").glob("python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.copyfile(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    for settings in (Path("/etc/pip.conf"), Path("/etc/uv/uv.toml")):
        if settings.exists():
            target = root / settings.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(settings, target)
