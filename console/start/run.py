"""Asks Nova to cache images, and follows each operation to its end.

When the process is killed: before :meth:`Request.ask` nothing was asked. After it Nova may have the request, and the
global request id, which was printed before, finds its operation. Nothing is asked again but by `--retry`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from console.start import outcome
from console.start.clouds import CloudAccess, Connect, ResolvedNames, connect_to, look_up
from console.start.mute import Mute
from console.start.plan import asking, check, separate
from console.start.request import StartRequest, Terms
from console.watch import exit_codes
from console.watch.board import Board
from console.watch.feeds.api import CannotWatchError, Feed, Record
from console.watch.feeds.reading import Poll, reading
from console.watch.history import History
from console.watch.loop import note, row_of, wait_s
from console.watch.show import lines
from console.watch.show.bars import Bar
from console.watch.show.screens import Manner, Screen
from precache.openstack.api import NoResponseError

# The response is looked for so often: the thread that waits for it can't wake a client of Kafka.
_STEP_S = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """What the operator ordered.

    Attributes:
        places: the clouds.
        aggregate, images: by name or id.
        separate_images: a request for each image.
        force: ask in spite of what speaks against it.
        terms: how to follow.
    """

    places: Sequence[CloudAccess]
    aggregate: str
    images: Sequence[str]
    separate_images: bool
    force: bool
    terms: Terms


class StartRun:
    """One run of `precache start`.

    Args:
        order: what the operator ordered.
        feed: where operations are read; None: nowhere.
        has_past: the feed has what runs already.
        mute: looks for the reason when nothing began.
        history: knows how long former operations took.
        screen: what shows it.
        manner: how to follow an operation again.
        connect: logs in to a cloud.
    """

    def __init__(
        self,
        order: Order,
        feed: Feed | None,
        screen: Screen,
        manner: Manner,
        *,
        mute: Mute,
        history: History,
        has_past: bool,
        connect: Connect = connect_to,
    ) -> None:
        self._order = order
        self._feed = feed
        self._screen = screen
        self._manner = manner
        self._mute = mute
        self._history = history
        self._has_past = has_past
        self._connect = connect
        self._board = Board()
        self._codes: list[int] = []
        # Nova may have a request.
        self._asked = False
        self._heard_since = 0.0

    def run(self) -> int:
        """Ask, follow, and return the exit code."""
        found = self._look_up()
        if found:
            try:
                if self._feed is None:
                    self._ask_and_follow(found, _silence)
                else:
                    with reading(self._feed, self._order.terms.timeout_s) as poll:
                        self._ask_and_follow(found, poll)
            except CannotWatchError as error:
                self._cannot_watch(found, error)
        return outcome.of_all(self._codes)

    def _cannot_watch(self, found: Sequence[ResolvedNames], error: CannotWatchError) -> None:
        """End, or ask all the same where nothing was to be followed."""
        if self._order.terms.wait or self._asked:
            self._screen.error(f"cannot watch: {error}", code=exit_codes.CANNOT_WATCH)
            self._codes.append(exit_codes.CANNOT_WATCH)
            return
        self._screen.say(f"warning: it is not known what runs already: {error}")
        self._feed, self._has_past = None, False
        self._ask_and_follow(found, _silence)

    def _look_up(self) -> list[ResolvedNames]:
        found = []
        order = self._order
        answers = look_up(order.places, order.aggregate, order.images, self._connect)
        for answer in answers:
            if isinstance(answer, ResolvedNames):
                found.append(answer)
            else:
                self._fail(str(answer), "", outcome.of_error(answer))
        return found

    def _ask_and_follow(self, found: Sequence[ResolvedNames], poll: Poll) -> None:
        self._note(poll(0.0), time.monotonic())
        requests = [request for each in found for request in self._requests(each)]
        try:
            # All ids stand on stdout before the first request is made.
            for request in requests:
                self._prepare(request)
            self._asked = bool(requests)
            for request in requests:
                request.ask()
            self._follow(requests, poll)
        except (KeyboardInterrupt, CannotWatchError):
            for request in requests:
                if request.is_open and request.is_asked:
                    self._screen.say(lines.interrupted(self._manner.resume, request.resume_id), request.who)
            raise

    def _requests(self, found: ResolvedNames) -> list[StartRequest]:
        """Return the requests to one cloud, less those that are refused here."""
        several = len(self._order.places) > 1
        wishes = separate(found.wish) if self._order.separate_images else [found.wish]
        requests = []
        for wish in wishes:
            named = [found.place.label] if several else []
            named += [wish.images[0].name or wish.images[0].id] if len(wishes) > 1 else []
            who = " ".join(named)
            running = self._board.running() if self._has_past else None
            findings = check(wish, found.hosts, running, self._manner.resume)
            for text in findings.warnings:
                self._screen.say(f"warning: {text}", who)
            for text in findings.refusals:
                self._screen.say(f"warning: {text}" if self._order.force else f"precache: {text}", who)
            if findings.refusals and not self._order.force:
                self._fail("nothing was asked; --force asks all the same", who, outcome.REFUSED)
                continue
            requests.append(StartRequest(found, wish, who, self._order.terms))
        return requests

    def _prepare(self, request: StartRequest) -> None:
        request.prepare(time.monotonic())
        wish = request.wish
        images = [image.id for image in wish.images]
        self._screen.say(asking(wish), request.who)
        self._screen.answer(
            request.global_request_id,
            request.who,
            event="asking",
            global_request_id=request.global_request_id,
            cloud=wish.cloud,
            aggregate_uuid=wish.aggregate.uuid,
            aggregate_name=wish.aggregate.name,
            hosts_total=len(wish.aggregate.hosts),
            images=images,
        )

    def _follow(self, requests: Sequence[StartRequest], poll: Poll) -> None:
        self._heard_since = time.monotonic()
        while any(request.is_open for request in requests):
            now = time.monotonic()
            due = [request.due_at(self._heard_since) for request in requests if request.is_open]
            asking = any(not request.is_answered and request.code is None for request in requests)
            records = poll(min(_STEP_S, wait_s(due, now)) if asking else wait_s(due, now))
            now = time.monotonic()
            if self._feed is not None and self._feed.is_away:
                self._heard_since = now
            self._note(records, now)
            for request in requests:
                self._advance(request, records, now)
            self._screen.draw(partial(self._rows, requests, now))
        self._codes += [request.code for request in requests if request.code is not None]

    def _advance(self, request: StartRequest, records: Sequence[Record], now: float) -> None:
        if request.is_due(now):
            self._prepare(request)
            request.ask()
        if not request.is_running:
            return
        known = request.operation
        if request.answer(now):
            self._answered(request)
        events = [event for record in records for event in request.take(record, now)]
        self._show_operation(request, known)
        events += request.advance(now, self._heard_since)
        for event in events:
            self._screen.show(event, request.who)
        if request.code is not None:
            self._over(request, request.code, now)

    def _answered(self, request: StartRequest) -> None:
        if isinstance(request.error, NoResponseError):
            waits = f". Waiting for its notifications, by {request.global_request_id}" if request.terms.receives else ""
            self._screen.say(f"{request.error}{waits}", request.who)
        elif request.error is None and not request.operation:
            self._screen.say(f"Nova took it, as its request {request.request_id or 'without an id'}", request.who)

    def _show_operation(self, request: StartRequest, known: str) -> None:
        """Give the operation's id once it is known."""
        if not known and request.operation:
            self._screen.answer(
                request.operation,
                request.who,
                event="operation",
                operation=request.operation,
                global_request_id=request.global_request_id,
            )
        elif known and request.operation != known:
            text = f"warning: its bridge calls this cloud otherwise: the operation is {request.operation}"
            self._screen.say(text, request.who)

    def _over(self, request: StartRequest, code: int, now: float) -> None:
        if request.token_may_have_expired:
            self._screen.say(lines.EXPIRED, request.who)
        if code in {exit_codes.NOTHING_BEGAN, outcome.UNKNOWN}:
            self._fail(self._mute.reason(request, self._manner), request.who, code, counted=False)
        elif request.error is not None and not request.began:
            self._screen.error(str(request.error), request.who, code=code)
        if outcome.is_worth_a_retry(code) and request.retries_left:
            backoff_s = self._order.terms.backoff_s
            request.retry_at(now + backoff_s)
            self._screen.say(f"asking again in {lines.duration(backoff_s)} (Ctrl-C to stop)", request.who)

    def _fail(self, text: str, who: str, code: int, *, counted: bool = True) -> None:
        self._screen.error(text, who, code=code)
        if counted:
            self._codes.append(code)

    def _note(self, records: Sequence[Record], now: float) -> None:
        for record in records:
            note(self._board, record, now)

    def _rows(self, requests: Sequence[StartRequest], now: float) -> list[Bar]:
        return [self._row(request, now) for request in requests if request.code is None]

    def _row(self, request: StartRequest, now: float) -> Bar:
        wish = request.wish
        host_s = self._history.host_s(
            request.label, wish.cloud, wish.aggregate.uuid, [image.id for image in wish.images]
        )
        entry = self._board.entry(request.operation)
        if entry is None:
            return Bar(request.label, 0, len(wish.aggregate.hosts), note="waiting for Nova")
        entry.pace.host_s = host_s
        behind = request.behind(self._board)
        row = row_of(entry, request.label, now)
        return replace(row, note=f"may wait behind {behind[0]}") if behind else row


def _silence(wait: float) -> list[Record]:
    """Be the poll of a feed that has nothing."""
    time.sleep(wait)
    return []
