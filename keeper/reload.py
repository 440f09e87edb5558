"""A configuration that is read again: at SIGHUP, and when the file changes. With errors in it the old one stays."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Self

from keeper import metrics
from keeper.config import KeeperConfig
from precache.config import ConfigError, load
from precache.runtime.logs import log

# Blocks that a running process can't take anew: clients, groups and ports are made of them.
_FIXED = ("kafka", "topics", "store", "instance", "shutdown_timeout", "http")


class ConfigFile:
    """The file of a running keeper.

    Attributes:
        config: the last one without errors.

    Args:
        path: the file.
        config: as it was read at the start.
    """

    def __init__(self, path: Path, config: KeeperConfig, read: Callable[..., KeeperConfig] = load) -> None:
        self.config = config
        self._path = path
        self._read = read
        self._seen = self._stamp()
        self._asked = False
        metrics.CONFIG_OK.set(1)

    def on_hangup(self) -> Self:
        """Read it again at SIGHUP. To be called in the main thread."""
        signal.signal(signal.SIGHUP, self._ask)
        return self

    def changed(self) -> bool:
        """Read the file again if it changed, or was asked for; return whether there is a new configuration."""
        stamp = self._stamp()
        if not self._asked and stamp == self._seen:
            return False
        self._asked, self._seen = False, stamp
        try:
            config = self._read(self._path, KeeperConfig)
        except ConfigError as error:
            metrics.CONFIG_OK.set(0)
            log.error("keeper.config_refused", why=[str(each) for each in error.errors], advice="the old one stays")
            return False
        metrics.CONFIG_OK.set(1)
        fixed = [name for name in _FIXED if getattr(config, name) != getattr(self.config, name)]
        if fixed:
            log.warning("keeper.config_needs_restart", blocks=fixed)
        is_new = (config.wanted, config.operators) != (self.config.wanted, self.config.operators)
        self.config = self.config.model_copy(update={"wanted": config.wanted, "operators": config.operators})
        log.info("keeper.config_read", changed=is_new)
        return is_new

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
