"""Runs a watch: records from a feed, through the follower, to a screen."""

import time
from collections.abc import Iterable
from functools import partial
from typing import Final

import click

from console.cli.output.texts import printable
from console.watch import exit_codes
from console.watch.board import Board, BoardEntry
from console.watch.events import Event
from console.watch.feeds.api import CannotWatchError, Feed, Record
from console.watch.feeds.reading import Poll, reading
from console.watch.follow import Follow, Want
from console.watch.history import History
from console.watch.pace import UNKNOWN
from console.watch.show import lines
from console.watch.show.bars import Bar
from console.watch.show.screens import Manner, Screen

# Callbacks of the clients are served between polls, and Ctrl-C is noticed.
POLL_S: Final = 1.0


def watch(
    feed: Feed, want: Want, screen: Screen, manner: Manner, *, history: History, fail_on_stall: bool = False
) -> int:
    """Follow one operation to its end and return the exit code.

    Args:
        feed: where records come from; it is opened here, and closed.
        want: what to follow.
        screen: what shows the events.
        manner: when to give up, counted from when the feed is open, and how to take it up again.
        history: knows how long former operations took.
        fail_on_stall: a stall ends the watch.
    """
    try:
        with reading(feed, manner.timeout_s) as poll:
            click.echo(f"watching {_what(want)} (Ctrl-C to stop)", err=True)
            deadline = None if manner.timeout_s is None else time.monotonic() + manner.timeout_s
            follow = Follow(want, deadline=deadline, fail_on_stall=fail_on_stall)
            with screen:
                return _follow(poll, follow, screen, manner, history)
    except CannotWatchError as error:
        click.echo(f"precache: cannot watch: {error}", err=True)
        return exit_codes.CANNOT_WATCH


def note(board: Board, record: Record, now: float) -> None:
    """Have a board take a record."""
    if record.kind == "operation":
        board.operation(record.value)
    else:
        board.progress(record.value, record.at_s, now)


def take(follow: Follow, record: Record, now: float) -> list[Event]:
    """Have a follower take a record, and return what it led to."""
    if record.kind == "operation":
        return follow.operation(record.value, now)
    return follow.progress(record.value, now)


def wait_s(due: Iterable[float | None], now: float) -> float:
    """Return for how long a feed may be polled: until the first moment at which something is due."""
    return min((POLL_S, *(max(0.0, at - now) for at in due if at is not None)))


def row_of(entry: BoardEntry, label: str, now: float) -> Bar:
    """Return the bar of an operation."""
    operation = entry.operation
    estimate = UNKNOWN if entry.is_final else entry.pace.estimate(operation.hosts_total, now)
    note_ = "stalled" if operation.status == "stalled" else ""
    return Bar(label, entry.hosts_done, operation.hosts_total, entry.errors, estimate, note_)


def name_of(entry: BoardEntry) -> str:
    """Return what a person calls an operation: cloud and aggregate."""
    return printable(f"{entry.operation.cloud} {entry.operation.aggregate_name}")


def _follow(poll: Poll, follow: Follow, screen: Screen, manner: Manner, history: History) -> int:
    board = Board()
    try:
        while follow.exit_code is None:
            records = poll(wait_s([follow.due_at()], time.monotonic()))
            now = time.monotonic()
            for record in records:
                note(board, record, now)
                for event in take(follow, record, now):
                    screen.show(event)
            for event in follow.advance(now):
                screen.show(event)
            screen.draw(partial(_rows, board, follow, history, now))
    except KeyboardInterrupt:
        if follow.begun is not None:
            screen.say(lines.interrupted(manner.resume, follow.begun.operation))
        raise
    return follow.exit_code


def _rows(board: Board, follow: Follow, history: History, now: float) -> list[Bar]:
    begun = follow.begun
    entry = None if begun is None or follow.exit_code is not None else board.entry(begun.operation)
    if begun is None or entry is None:
        return []
    entry.pace.host_s = history.host_s(begun.operation, begun.cloud, begun.aggregate_uuid)
    return [row_of(entry, name_of(entry), now)]


def _what(want: Want) -> str:
    given = {
        "cloud": want.cloud,
        "aggregate": want.aggregate,
        "operation": want.operation,
        "request": want.global_request_id,
    }
    return " ".join(f"{key}={value}" for key, value in given.items() if value) or "all clouds"
