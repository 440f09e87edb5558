"""The command: `python -m tests.services start|start-more|stop|status|env|scratch`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import TYPE_CHECKING

from . import docker, native
from .given import MORE, NATIVE_ONLY, REQUIRED, GivenError, given_addresses
from .node import StartError
from .state import emit, locked, scratch_dir, state_dir

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def _way() -> ModuleType:
    """Return how servers run here. What an engine that is gone by now had started runs no more."""
    return docker if docker.usable() else native


def _own_addresses(way: ModuleType) -> dict[str, dict[str, str]]:
    """Return the addresses of what was started from here, be it in containers or not."""
    processes = {server: address for server, address in native.own_addresses().items() if server in NATIVE_ONLY}
    return {**way.own_addresses(), **processes}


def _print_exports(addresses: dict[str, dict[str, str]]) -> None:
    """Print lines for a shell to evaluate, and nothing else."""
    for variables in addresses.values():
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - the command's output


def _start_more() -> int:
    return _start((*REQUIRED, *MORE))


def _start(servers: Sequence[str] = tuple(REQUIRED)) -> int:
    way = _way()
    given = given_addresses(os.environ, _own_addresses(way))
    for server in given:
        emit(server, "given by the environment: used as it is")
    missing = [server for server in servers if server not in given]
    for starter, mine in ((native, NATIVE_ONLY), (way, set(servers) - NATIVE_ONLY)):
        if wanted := [server for server in missing if server in mine]:
            starter.start(wanted)
    own = _own_addresses(way)
    _print_exports({server: given.get(server) or own[server] for server in servers})
    return 0


def _stop() -> int:
    try:
        docker.stop()
    finally:
        native.stop()
    return 0


def _status() -> int:
    print(_way().status())  # noqa: T201 - the command's output
    return 0


def _env() -> int:
    way = _way()
    own = _own_addresses(way)
    given = given_addresses(os.environ, own)
    up = way.running() | (native.running() & NATIVE_ONLY)
    addresses = {server: variables for server, variables in own.items() if server in up} | given
    _print_exports(addresses)
    for server in set(REQUIRED) - set(addresses):
        emit(server, "does not run")
    return 0 if set(REQUIRED) <= set(addresses) else 1


def _scratch() -> int:
    # Whoever called this, a shell as a rule, is who uses the folder.
    print(scratch_dir(os.getppid()))  # noqa: T201 - the command's output
    return 0


def main() -> int:
    """Carry out one command; a failure is reported in words, with exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.services", description="The real servers for the tests.")
    commands = {
        "start": _start,
        "start-more": _start_more,
        "stop": _stop,
        "status": _status,
        "env": _env,
        "scratch": _scratch,
    }
    parser.add_argument("command", choices=commands)
    command = commands[parser.parse_args().command]
    try:
        with locked(state_dir() / "lock", waiting="another run is starting or stopping the servers"):
            return command()
    except (StartError, GivenError) as error:
        emit("error", str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
