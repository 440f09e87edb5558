"""What the demo shows: bars on a terminal, lines in a pipe, or JSON; then the summaries, a table, and what to try."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from console.cli.output.tables import print_table
from console.simulator.clouds import SimulatedRequest
from console.watch.events import Event, Finished, Progressed, Started
from console.watch.show import lines
from console.watch.show.jsonlines import as_object

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from precache.contract.operation import Operation

# What each is for, and the query: over the views that the store brings (docs/queries.md has more).
QUERIES: Final = (
    (
        "every operation, the last begun first",
        "SELECT cloud, aggregate_name, status, hosts_done, hosts_total, errors FROM operations",
    ),
    ("where an image is not, and why", "SELECT cloud, host, image, why FROM hosts_without_image"),
    (
        "each image in each aggregate",
        "SELECT cloud, aggregate_name, image, hosts_cached, hosts_failed FROM images_latest",
    ),
    ("the bridge's heartbeats", "SELECT cloud, instance, state, forwarded FROM bridges"),
)


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What came of the demo.

    Attributes:
        store: the SQLite file.
        requests: what the clouds sent.
        rows: the store's rows of ``precache_operation``, by the operation's id.
        differences: where the store is not what the clouds sent; a sentence each.
    """

    store: Path
    requests: Sequence[SimulatedRequest]
    rows: Mapping[str, Mapping[str, Any]]
    differences: Sequence[str]


class DemoScreen(Protocol):
    """Shows the demo."""

    def begin(self, requests: Sequence[SimulatedRequest]) -> None:
        """Say what is about to happen."""
        ...

    def show(self, request: SimulatedRequest, event: Event) -> None:
        """Show an event of one operation."""
        ...

    def end(self, outcome: DemoOutcome) -> None:
        """Show what came of it all."""
        ...


def labels(requests: Sequence[SimulatedRequest]) -> dict[SimulatedRequest, str]:
    """Return a short name for each operation: its cloud's, numbered where a cloud has several."""
    by_cloud: dict[str, list[SimulatedRequest]] = {}
    for request in requests:
        by_cloud.setdefault(request.cloud, []).append(request)
    return {
        request: cloud if len(mine) == 1 else f"{cloud} #{number}"
        for cloud, mine in by_cloud.items()
        for number, request in enumerate(mine, start=1)
    }


class PlainDemo:
    """Plain lines, each with its operation's name before it."""

    def __init__(self) -> None:
        self._labels: Mapping[SimulatedRequest, str] = {}
        self._final: dict[SimulatedRequest, Operation] = {}

    def begin(self, requests: Sequence[SimulatedRequest]) -> None:
        """Say what is about to happen."""
        self._labels = labels(requests)
        click.echo("Three simulated clouds -> oslo.messaging -> bridge -> Kafka -> processor -> SQLite; no server.")
        click.echo("paris: 95 hosts, one image, 8 hosts fail.  rome: 24 hosts, two images, one host stays silent.")
        click.echo("oslo: two operations on one aggregate at once.\n")

    def show(self, request: SimulatedRequest, event: Event) -> None:
        """Show an event of one operation."""
        match event:
            case Started(operation):
                self.line(request, lines.started(operation))
            case Progressed(progress):
                self.line(request, lines.progressed(progress))
            case Finished(operation, _):
                self._final[request] = operation
                self.line(request, lines.finished(operation)[0])
            case _:
                pass

    def line(self, request: SimulatedRequest, text: str) -> None:
        """Show one line of one operation."""
        click.echo(f"{self._labels[request]}: {text}")

    def end(self, outcome: DemoOutcome) -> None:
        """Show the watcher's summaries, a table, the comparison, and what to try."""
        for request in outcome.requests:
            operation = self._final.get(request)
            if operation is None:
                continue
            click.echo(f"\n{self._labels[request]}: {request.aggregate.name}, images {', '.join(request.images)}")
            click.echo("\n".join(lines.finished(operation)))
        click.echo()
        _show_table([(self._labels[request], outcome.rows.get(request.operation)) for request in outcome.requests])
        _show_comparison(outcome)
        _show_queries(outcome.store)


class TerminalDemo(PlainDemo):
    """A bar for each operation; the rest as in a pipe."""

    def __init__(self) -> None:
        super().__init__()
        self._bars: Bars | None = None
        self._tasks: dict[SimulatedRequest, TaskID] = {}

    def begin(self, requests: Sequence[SimulatedRequest]) -> None:
        """Say what is about to happen, and draw a bar for each operation."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        super().begin(requests)
        self._bars = Progress(
            TextColumn("{task.description:9}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:>3.0f}/{task.total:.0f} hosts"),
            TextColumn("{task.fields[errors]} errors"),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
        )
        for request in requests:
            self._tasks[request] = self._bars.add_task(
                self._labels[request], total=len(request.aggregate.hosts), start=False, errors=0, state="waiting"
            )
        self._bars.start()

    def show(self, request: SimulatedRequest, event: Event) -> None:
        """Move an operation's bar."""
        if self._bars is None:
            return
        task = self._tasks[request]
        match event:
            case Started(operation):
                self._bars.start_task(task)
                self._bars.update(task, state=operation.status)
            case Progressed(progress):
                self._bars.update(task, completed=progress.hosts_done, errors=progress.errors)
            case Finished(operation, _):
                self._final[request] = operation
                self._bars.update(task, state=operation.status)
                self._bars.stop_task(task)
            case _:
                pass

    def end(self, outcome: DemoOutcome) -> None:
        """Let the bars stand, and show the rest below."""
        if self._bars is not None:
            self._bars.stop()
        super().end(outcome)


class JsonDemo:
    """One JSON object a line: the watcher's events, then one called ``demo``."""

    def begin(self, requests: Sequence[SimulatedRequest]) -> None:
        """Say nothing."""

    def show(self, request: SimulatedRequest, event: Event) -> None:
        """Show an event of one operation."""
        click.echo(json.dumps(as_object(event) | {"operation": request.operation}))

    def end(self, outcome: DemoOutcome) -> None:
        """Show what came of it all."""
        summary: dict[str, Any] = {
            "event": "demo",
            "store": str(outcome.store),
            "operations": list(outcome.rows.values()),
            "differences": list(outcome.differences),
            "exit_code": 1 if outcome.differences else 0,
        }
        click.echo(json.dumps(summary))


def _show_table(rows: Sequence[tuple[str, Mapping[str, Any] | None]]) -> None:
    headings = ("operation", "aggregate", "status", "hosts", "failed", "silent", "errors", "duration")
    print_table(headings, (_cells(label, row) for label, row in rows))


def _cells(label: str, row: Mapping[str, Any] | None) -> tuple[str, ...]:
    if row is None:
        return (label, "", "not in the store", "", "", "", "", "")
    hosts = f"{row['hosts_done']}/{row['hosts_total']}"
    counts = (str(row[name]) for name in ("hosts_failed", "hosts_silent", "errors"))
    return (label, row["aggregate_name"], row["status"], hosts, *counts, lines.duration(row["duration_s"]))


def _show_comparison(outcome: DemoOutcome) -> None:
    operations, points = len(outcome.requests), sum(len(request.reports) for request in outcome.requests)
    if not outcome.differences:
        click.echo(f"\nThe store has what the clouds sent: {operations} operations, {points} points, no difference.")
        return
    click.echo(f"\nThe store does not have what the clouds sent; {len(outcome.differences)} differences:", err=True)
    for text in outcome.differences:
        click.echo(f"  {text}", err=True)


def _show_queries(store: Path) -> None:
    click.echo(f"\nThe store is {store}. Try:")
    for what, query in QUERIES:
        click.echo(f'\n  # {what}\n  sqlite3 -box {store} "{query}"')
