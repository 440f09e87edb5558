"""Telegraf with the plugins that benchmarks and tests use, built from source."""

from pathlib import Path
from typing import Final

from .build import made_once, require, run
from .state import cache_dir, emit

VERSION: Final = "1.37.2"
_TAGS: Final = (
    "custom",
    "inputs.amqp_consumer",
    "inputs.kafka_consumer",
    "outputs.file",
    "outputs.kafka",
    "outputs.influxdb_v2",
    "parsers.value",
    "parsers.json_v2",
    "serializers.influx",
    "serializers.json",
    "serializers.template",
)


def program() -> Path:
    """Return Telegraf's program, built by `go install` the first time (one to five minutes)."""
    name = f"telegraf-{VERSION}"
    with made_once(name) as folder:
        if folder is not None:
            require("Telegraf", "go")
            emit("telegraf", f"fetching and building Telegraf {VERSION} (some minutes; this once)")
            argv = [
                "go",
                "install",
                "-tags",
                ",".join(_TAGS),
                f"github.com/influxdata/telegraf/cmd/telegraf@v{VERSION}",
            ]
            run(argv, cwd=folder, log=folder / "build.log", GOBIN=str(folder), CGO_ENABLED="0")
    return cache_dir() / name / "telegraf"
