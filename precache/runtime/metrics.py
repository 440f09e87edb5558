"""What every process of precache exports; each part defines its own metrics beside its code."""

import platform
from typing import Final

from prometheus_client import Gauge

import precache

_BUILD: Final = Gauge("precache_build_info", "What runs here; always 1.", ["version", "python", "part", "instance"])


def build_info(part: str, instance: str) -> None:
    """Say which part runs here (``bridge`` or ``processor``), under which name, in which version."""
    _BUILD.labels(precache.__version__, platform.python_version(), part, instance).set(1)
