"""The demo ends with the pages of `precache web`, on the file that it left."""

from collections.abc import Callable
from pathlib import Path

from console.web import service
from console.web.config import DEFAULT_LISTEN, WebConfig
from precache.config.store import SqliteStoreConfig
from precache.runtime.http import ListenError
from precache.runtime.shutdown import Stop


def show(store: Path, stop: Stop, on_listening: Callable[[str], None]) -> None:
    """Serve the pages until a stop is requested, at their usual address, or at any free port."""
    host, port = DEFAULT_LISTEN
    config = WebConfig(store=SqliteStoreConfig(type="sqlite", path=store), listen=(host, port))
    try:
        service.run(config, stop, on_listening)
    except ListenError:
        service.run(config.model_copy(update={"listen": (host, 0)}), stop, on_listening)
