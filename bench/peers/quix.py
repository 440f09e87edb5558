"""Quix Streams, in a virtual environment of its own: it pins an older confluent-kafka."""

import json
import sys
from pathlib import Path
from typing import Final

from bench import cache
from bench.child import Child

VERSION: Final = "3.28.0"
_APP: Final = Path(__file__).with_name("quix_app.py")


def fetch() -> Path:
    """Return the Python of its environment, made the first time (15 seconds)."""
    name = f"quixstreams-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache.cache_dir() / name
    python = folder / "bin" / "python"
    done = folder / "done"
    # An environment holds its own path, so it is made in its place, and marked once it is whole.
    if not done.exists():
        cache.emit(f"fetching Quix Streams {VERSION} (this once)")
        cache.run([sys.executable, "-m", "venv", "--clear", str(folder)])
        cache.run([str(python), "-m", "pip", "install", "--quiet", f"quixstreams=={VERSION}", "orjson"])
        done.touch()
    return python


def start(folder: Path, bootstrap: str, topic: str, group: str) -> Child:
    """Start a stateful application on a topic; it prints how many messages it has applied."""
    settings = {"bootstrap": bootstrap, "topic": topic, "group": group, "state": str(folder / group)}
    return Child("quix", [fetch(), _APP, json.dumps(settings)], folder)
