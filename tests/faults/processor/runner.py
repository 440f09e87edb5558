"""A processor in a process of its own, with its loop tuned."""

import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import Any

from precache.config import load
from precache.runtime import logs
from precache.runtime.shutdown import Stop
from processor import service
from processor.config import ProcessorConfig
from processor.fault_points import VARIABLE
from processor.round.tuning import Tuning
from processor.stores.influxdb import store as influxdb  # noqa: F401 - loaded once, in the server that processes are forked from


def main(config: Path, tuning: dict[str, Any], error: str, log: Path) -> None:
    """Run until SIGTERM; what it says goes to ``log``."""
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    os.environ[VARIABLE] = error
    # Where it stands, should it not end: this needs no thread of Python's to go on.
    faulthandler.register(signal.SIGUSR1, file=sys.stderr.fileno())
    logs.configure("json", "info")
    stop = Stop().on_signals()
    # The records' timestamps are the test's own: these topics are not as `topics create` makes them.
    if not service.run(load(config, ProcessorConfig), stop, tuning=Tuning(**tuning), check_topics=False):
        os._exit(0)  # as `precache processor` does
