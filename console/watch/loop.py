"""Runs a watch: records from a feed, through the follower, to a screen."""

import os
import time
from typing import Final

import click

from console.watch import exit_codes
from console.watch.events import Event
from console.watch.feed import CONNECT_S, CannotWatchError, Feed, Record
from console.watch.follow import Follow, Want
from console.watch.screens import Screen
from precache.runtime.watchdog import Hang, Limits, Watchdog

# Callbacks of the clients are served between polls, and Ctrl-C is heard.
_POLL_S: Final = 1.0
# No call of a client takes so long; a watch that is stopped by Ctrl-Z may be for hours.
_LIMITS: Final = Limits(end_s=60.0, frozen_s=None)


def watch(
    feed: Feed, want: Want, screen: Screen, *, timeout_s: float | None = None, fail_on_stall: bool = False
) -> int:
    """Follow one operation to its end and return the exit code.

    Args:
        feed: where records come from; it is opened here, and closed.
        want: what to follow.
        screen: what shows the events.
        timeout_s: give up after so long, counted from when the feed is open; connecting may take as long, too.
        fail_on_stall: a stall ends the watch.
    """
    watchdog = Watchdog(_LIMITS, _end)
    with watchdog.running():
        return _watch(feed, want, screen, watchdog, timeout_s=timeout_s, fail_on_stall=fail_on_stall)


def _watch(
    feed: Feed, want: Want, screen: Screen, watchdog: Watchdog, *, timeout_s: float | None, fail_on_stall: bool
) -> int:
    try:
        with watchdog.call("connecting, or reading what is there") as watched:
            feed.open(CONNECT_S if timeout_s is None else min(CONNECT_S, timeout_s), watched.beat)
        click.echo(f"watching {_what(want)} (Ctrl-C to stop)", err=True)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with screen:
            return _follow(feed, Follow(want, deadline=deadline, fail_on_stall=fail_on_stall), screen, watchdog)
    except CannotWatchError as error:
        click.echo(f"precache: cannot watch: {error}", err=True)
        return exit_codes.CANNOT_WATCH
    finally:
        with watchdog.call("closing"):
            feed.close()


def _end(hang: Hang) -> None:
    """End a watch that hangs in a client's call; the screen may take its time, and is not watched."""
    os.write(2, f"precache: cannot watch: {hang}\n".encode())
    os._exit(exit_codes.CANNOT_WATCH)


def _follow(feed: Feed, follow: Follow, screen: Screen, watchdog: Watchdog) -> int:
    while True:
        due = follow.due_at()
        wait = _POLL_S if due is None else min(_POLL_S, max(0.0, due - time.monotonic()))
        with watchdog.call("reading"):
            records = feed.poll(wait)
        for record in records:
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
