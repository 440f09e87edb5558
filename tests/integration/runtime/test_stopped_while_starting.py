"""A service that is stopped while it reads its configuration."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["bridge", "processor"])
def test_a_service_stopped_while_it_starts_has_stopped_cleanly(command: str, tmp_path: Path) -> None:
    # Whoever opens a named pipe waits for the other side: the signal comes while the configuration is being read.
    pipe = tmp_path / "config.yaml"
    os.mkfifo(pipe)
    args = [sys.executable, "-m", "console.cli.main", command, "--config", str(pipe)]
    with subprocess.Popen(args, stderr=subprocess.PIPE, text=True) as process:
        with pipe.open("w") as file:
            process.send_signal(signal.SIGTERM)
            file.write("kafka: {bootstrap.servers: 127.0.0.1:1}\n")
            file.write("http: {listen: 127.0.0.1:0}\n")
            if command == "bridge":
                file.write("clouds: [{name: a, transport_url: 'rabbit://a:b@127.0.0.1:1/', topic: t}]\n")
            else:
                file.write(f"store: {{type: sqlite, path: {tmp_path / 'store.db'}}}\n")
        _, told = process.communicate(timeout=30)
    assert process.returncode == 0, told
