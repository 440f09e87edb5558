"""OpenStack's own virtual environment, which is made once and kept in the cache."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final

from tests.services.build import made_once, run
from tests.services.process import own_environment
from tests.services.state import cache_dir, emit

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
INSIDE: Final = Path(__file__).with_name("inside")
# It installs what the file names five times as fast as pip does.
_UV: Final = "uv==0.13.9"


def venv() -> Path:
    """Return where it is, or will be."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + version.encode()).hexdigest()[:12]
    return cache_dir() / f"openstack-{digest}"


def python() -> str:
    """Return its interpreter. Its scripts name a folder that is gone, so nothing is run by them."""
    return str(venv() / "bin" / "python")


def install() -> None:
    """Make it, unless that was done before."""
    if venv().exists():
        return
    with made_once(venv().name) as folder:
        if folder is None:
            return
        emit("openstack", "installing OpenStack from PyPI (about a minute; this once)")
        log = cache_dir() / "install-openstack.log"
        run([sys.executable, "-m", "venv", str(folder)], cwd=folder, log=log)
        inner = str(folder / "bin" / "python")
        run([inner, "-m", "pip", "install", "--quiet", _UV], cwd=folder, log=log)
        uv = [inner, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", inner]
        run([*uv, "--requirement", str(REQUIREMENTS)], cwd=folder, log=log)


def environment(base: Path) -> dict[str, str]:
    """Return the environment in which a service of the cloud in that folder runs."""
    etc = str(base / "etc")
    folders = {f"OS_{name}_CONFIG_DIR": etc for name in ("KEYSTONE", "PLACEMENT", "GLANCE", "NOVA")}
    return own_environment(PRECACHE_SCRIPT=str(base / "script"), **folders)
