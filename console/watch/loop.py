"""Runs a watch: records from a feed, through the follower, to a screen."""

import time
from typing import Final

import click

from console.watch import exit_codes
from console.watch.events import Event
from console.watch.feed import CannotWatchError, Feed, Record
from console.watch.follow import Follow, Want
from console.watch.screens import Screen

# Callbacks of the clients are served between polls, and Ctrl-C is heard.
_POLL_S: Final = 1.0


def watch(
    feed: Feed, want: Want, screen: Screen, *, timeout_s: float | None = None, fail_on_stall: bool = False
) -> int:
    """Follow one operation to its end and return the exit code.

    Args:
        feed: where records come from; it is opened here, and closed.
        want: what to follow.
        screen: what shows the events.
        timeout_s: give up after so long, counted from when the feed is open.
        fail_on_stall: a stall ends the watch.
    """
    try:
        feed.open()
        click.echo(f"watching {_what(want)} (Ctrl-C to stop)", err=True)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with screen:
            return _follow(feed, Follow(want, deadline=deadline, fail_on_stall=fail_on_stall), screen)
    except CannotWatchError as error:
        click.echo(f"precache: cannot watch: {error}", err=True)
        return exit_codes.CANNOT_WATCH
    finally:
        feed.close()


def _follow(feed: Feed, follow: Follow, screen: Screen) -> int:
    while True:
        due = follow.due_at()
        wait = _POLL_S if due is None else min(_POLL_S, max(0.0, due - time.monotonic()))
        for record in feed.poll(wait):
            for event in _take(follow, record):
                screen.show(event)
        for event in follow.advance(time.monotonic()):
            screen.show(event)
        if follow.exit_code is not None:
            return follow.exit_code


def _take(follow: Follow, record: Record) -> list[Event]:
    now = time.monotonic()
    if record.kind == "operation":
        return follow.operation(record.value, now)
    return follow.progress(record.value, now)


def _what(want: Want) -> str:
    given = {"cloud": want.cloud, "aggregate": want.aggregate, "operation": want.operation}
    return " ".join(f"{key}={value}" for key, value in given.items() if value) or "all clouds"
