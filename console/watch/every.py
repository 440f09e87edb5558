"""`precache watch --all` and `--last`: everything that runs, and the operation that began last."""

import time
from collections import deque
from functools import partial
from typing import Final

import click

from console.cli.output.texts import printable
from console.watch import exit_codes
from console.watch.board import Board, BoardEntry
from console.watch.feeds.api import CannotWatchError, Feed, Record
from console.watch.feeds.reading import Poll, reading
from console.watch.follow import MAX_EARLY_REPORTS, Follow, Want
from console.watch.loop import POLL_S, name_of, note, row_of, take
from console.watch.show.bars import Bar
from console.watch.show.screens import Manner, Screen
from precache.contract.operation import FINAL_STATUSES

_ID_CHARS: Final = 8


class Every:
    """Follows every operation that runs, and every one that begins. Pure: records and times are arguments.

    Args:
        want: which clouds and aggregates.
        screen: what shows it; each line begins with the operation's id.
    """

    def __init__(self, want: Want, screen: Screen) -> None:
        self._want = want
        self._screen = screen
        self._board = Board()
        self._follows: dict[str, Follow] = {}
        # Reports of operations whose record has not come yet.
        self._early: deque[Record] = deque(maxlen=MAX_EARLY_REPORTS)

    def take(self, record: Record, now: float) -> None:
        """Take a record."""
        if not self._want.matches(record.value):
            return
        note(self._board, record, now)
        name = record.value.operation
        if name in self._follows:
            self._show(name, record, now)
        elif record.kind == "progress":
            self._early.append(record)
        elif record.value.status not in FINAL_STATUSES or record.value.sequence == 1:
            self._begin(name, record, now)

    def advance(self, now: float) -> None:
        """Do what is due, and leave what has ended."""
        for name, follow in list(self._follows.items()):
            for event in follow.advance(now):
                self._screen.show(event, name)
            if follow.exit_code is not None:
                del self._follows[name]

    def rows(self, now: float) -> list[Bar]:
        """Return a bar for each operation that runs."""
        entries = (self._board.entry(name) for name in self._follows)
        return [row_of(entry, _label(entry), now) for entry in entries if entry is not None]

    @property
    def runs(self) -> bool:
        """Whether an operation runs."""
        return bool(self._follows)

    def _begin(self, name: str, record: Record, now: float) -> None:
        self._follows[name] = Follow(Want(operation=name))
        self._show(name, record, now)
        for early in [each for each in self._early if each.value.operation == name]:
            self._show(name, early, now)

    def _show(self, name: str, record: Record, now: float) -> None:
        for event in take(self._follows[name], record, now):
            self._screen.show(event, name)


def watch_all(feed: Feed, want: Want, screen: Screen, manner: Manner) -> int:
    """Follow everything until the time is up, or Ctrl-C; return 7 when something still runs, else 0.

    Args:
        feed: has what runs already, too; it is opened here, and closed.
        want: which clouds and aggregates.
        screen: what shows it.
        manner: when to end.
    """
    try:
        with reading(feed, manner.timeout_s) as poll:
            click.echo("watching everything (Ctrl-C to stop)", err=True)
            with screen:
                return _watch_all(poll, Every(want, screen), screen, manner)
    except CannotWatchError as error:
        click.echo(f"precache: cannot watch: {error}", err=True)
        return exit_codes.CANNOT_WATCH


def last_operation(feed: Feed, want: Want) -> str:
    """Return the id of the operation that began last, among those that a feed has; ``""`` for none.

    Args:
        feed: has the past; it is opened here, and closed.
        want: which clouds and aggregates.

    Raises:
        CannotWatchError: it can't be read.
    """
    board = Board(keep_final=True)
    with reading(feed, None) as poll:
        for record in poll(0.0):
            note(board, record, 0.0)
    found = board.entries(want.cloud, want.aggregate)
    return found[-1].operation.operation if found else ""


def _label(entry: BoardEntry) -> str:
    """Return what distinguishes operations of one aggregate: the beginnings of their images' ids, once known."""
    images = sorted(image[:_ID_CHARS] for image in entry.images)
    return f"{name_of(entry)} {printable(','.join(images))}".rstrip()


def _watch_all(poll: Poll, every: Every, screen: Screen, manner: Manner) -> int:
    deadline = None if manner.timeout_s is None else time.monotonic() + manner.timeout_s
    while deadline is None or time.monotonic() < deadline:
        records = poll(POLL_S if deadline is None else min(POLL_S, max(0.0, deadline - time.monotonic())))
        now = time.monotonic()
        for record in records:
            every.take(record, now)
        every.advance(now)
        screen.draw(partial(every.rows, now))
    return exit_codes.STILL_RUNNING if every.runs else exit_codes.CACHED
