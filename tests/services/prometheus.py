"""Prometheus and promtool: Debian's packages."""

from pathlib import Path
from typing import Final

from .debian import install_package

PROMETHEUS: Final = Path("/usr/bin/prometheus")
PROMTOOL: Final = Path("/usr/bin/promtool")


def program() -> Path:
    """Return Prometheus' program; installed the first time."""
    _install()
    return PROMETHEUS


def promtool() -> Path:
    """Return promtool's program; installed the first time."""
    _install()
    return PROMTOOL


def _install() -> None:
    if not (PROMETHEUS.exists() and PROMTOOL.exists()):
        install_package("prometheus", "prometheus", provides=PROMTOOL)
