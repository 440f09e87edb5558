"""The servers as processes on this machine, which outlive the command that starts them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from . import influxdb, kafka, openstack, rabbitmq, rabbitmq4
from .given import MORE
from .node import Node, StartError, tail
from .state import clear_away, emit, state_dir

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def nodes(state: Path | None = None) -> dict[str, Node]:
    """Return the nodes of a state folder (by default this checkout's), whether they run or not."""
    types: tuple[type[rabbitmq.Node | kafka.Node | influxdb.Node | openstack.Node], ...] = (
        rabbitmq.Node,
        kafka.Node,
        influxdb.Node,
        rabbitmq4.Node,
        openstack.Node,
    )
    return {kind.name: kind((state or state_dir()) / kind.name, tied=False) for kind in types}


def _ensure(node: Node) -> StartError | None:
    """Leave alone a server that runs and answers; put a new one with the same address in the place of any other."""
    if node.is_alive() and node.answers():
        emit(node.name, "runs already")
        return None
    if node.is_alive():
        emit(node.name, "runs, but does not answer: starting it anew")
    elif node.was_started():
        emit(node.name, f"has ended by itself: starting it anew; the end of its log:\n{tail(node.log)}")
    try:
        node.wipe()
        node.install()
        began = time.monotonic()
        emit(node.name, "starting")
        node.start()
    except StartError as error:
        return error
    emit(node.name, f"answers after {time.monotonic() - began:.1f} s")
    return None


def start(servers: Iterable[str]) -> None:
    """Start the servers side by side; every failure is reported, not only the first."""
    clear_away(lambda state: any(node.is_alive() for node in nodes(state).values()))
    wanted = [node for name, node in nodes().items() if name in set(servers)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        errors = [error for error in pool.map(_ensure, wanted) if error is not None]
    if errors:
        raise StartError("\n".join(str(error) for error in errors))


def stop() -> None:
    """End the servers and remove their data."""
    for node in nodes().values():
        if node.has_address():
            emit(node.name, "stopping")
            # Its data goes with it, so there is nothing to put in order first.
            node.wipe()


def own_addresses() -> dict[str, dict[str, str]]:
    """Return the addresses of this checkout's servers, running or not; they outlast a restart."""
    return {name: node.exports() for name, node in nodes().items() if node.has_address()}


def running() -> set[str]:
    """Return the names of the servers that are up."""
    return {name for name, node in nodes().items() if node.is_alive() and node.answers()}


def status() -> str:
    """Return one line a server."""
    lines = []
    for name, node in nodes().items():
        if node.name in MORE and not node.is_alive():
            continue
        if not node.is_alive():
            lines.append(f"{name}: does not run")
        else:
            answers = "answers" if node.answers() else "does not answer"
            lines.append(f"{name}: process {node.pid}, {answers}; log: {node.log}")
    return "\n".join(lines)
