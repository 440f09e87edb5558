"""oslo.messaging's batch notification listener, for every transport that oslo.messaging has.

The listener acknowledges, or requeues, a whole batch when its dispatcher returns. So each batch waits in the
dispatcher, in the listener's own thread, until the last of its messages is settled. What the listener does before its
dispatcher is asked can't be undone here: :data:`CANNOT` lists it.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from bridge.decode import reasons
from bridge.source import transport_url as transport
from bridge.source.api import Delivery, SourceLost, SourceRefused
from bridge.source.kombu_bounds import bound_decompression
from bridge.source.listening import PRIORITY, Listening
from precache.runtime.logs import log

# Repeated keys, latin-1 and what else stood in the envelope are gone when the listener has read a message.
_READ_OTHERWISE: Final = (
    "duplicate-key",
    "duplicate-message",
    "content-encoding",
    "broken-compression",
    "30-megabytes",
)
# What becomes of messages with this source, where it is not what the bridge does with them otherwise, by the names in
# the conformance suite: `lost` (the listener rejects it before precache sees it; only its log has it),
# `forwarded` although it should not be, or the reason in the dead letter when it is another one.
POISON: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("blank-body", "not-json", "cut-short", "trailing-bytes", "python-repr", "inner-not-json", "not-utf8", "utf16"),
        "lost",
    ),
    **dict.fromkeys(("a-list", "a-string", "message-is-object", "version-3", "version-number", "too-deep"), "lost"),
    **dict.fromkeys(("content-type", "pickle", "unknown-compression"), "lost"),
    **dict.fromkeys(_READ_OTHERWISE, "forwarded"),
    **dict.fromkeys(("nan", "infinity", "long-fraction"), reasons.PAYLOAD_FIELD),
    **dict.fromkeys(("empty-body", "inner-list"), reasons.MISSING_FIELD),
}
# Further cases of the conformance suite that this source does not pass.
CANNOT: Final = frozenset(
    {
        "waits-for-nova",  # it declares exchange and queue by itself: its options must equal Nova's
        "keeps-the-connection",  # requeuing closes it
        "reports-when-it-is-lost",  # oslo.messaging reconnects by itself, and says so in its own log alone
    }
)

_BATCH: Final = 100
_BATCH_TIMEOUT_S: Final = 0.02
_STOP_TIMEOUT_S: Final = 10.0
_STEP_S: Final = 0.05


class _Batch:
    """Messages that the listener's thread waits for; ``first`` is the tag of the first one."""

    def __init__(self, messages: Sequence[Any]) -> None:
        self.messages = messages
        self.first = 0
        self.unsettled = len(messages)
        self.over = threading.Event()
        self.requeue = False

    def settled(self, count: int) -> None:
        self.unsettled -= count
        if self.unsettled <= 0:
            self.over.set()


class _Dispatcher:
    """What oslo.messaging's server calls with each batch, as its own ``BatchNotificationDispatcher``.

    Its own one drops messages of an unknown priority, and loops on those of none; this one takes all that come.
    """

    supported_priorities = (PRIORITY,)

    def __init__(self) -> None:
        self.batches: queue.Queue[_Batch] = queue.Queue()
        self.closed = threading.Event()

    def dispatch(self, incoming: Sequence[Any]) -> set[Any]:
        """Wait until a batch is settled; return the messages to be requeued: none or all."""
        batch = _Batch(incoming)
        if self.closed.is_set():
            return set(incoming)
        self.batches.put(batch)
        while not batch.over.wait(_STEP_S):
            if self.closed.is_set():
                batch.requeue = True
                break
        return set(incoming) if batch.requeue else set()


class OsloSource:
    """See :class:`bridge.source.api.MessageSource`.

    Args:
        url: the transport URL.
        options: those of oslo.messaging's group ``oslo_messaging_rabbit``.
        listening: what to read.
        stopped: returns whether to give up what is waited for.
    """

    def __init__(self, url: str, options: Mapping[str, Any], listening: Listening, stopped: Callable[[], bool]) -> None:
        self._url = url
        self._options = options
        self._listening = listening
        self._stopped = stopped
        self._server: Any = None
        self._transport: Any = None
        self._dispatcher = _Dispatcher()
        self._open_batches: list[_Batch] = []
        self._next_tag = 1
        self._acked: set[int] = set()
        self._throttled = False
        self._starting: threading.Thread | None = None
        self._start_error: Exception | None = None

    @property
    def queue(self) -> str:
        """The queue's name, as oslo.messaging makes it."""
        return self._listening.queue

    @property
    def saturated_at(self) -> int:
        """One: the next batch is handed out once all of this one is acknowledged."""
        return 1

    @property
    def trouble(self) -> str:
        """oslo.messaging connects again by itself, and reports it to nobody: so its connection is looked at."""
        if self._server is None or _is_connected(self._server):
            return ""
        return "oslo.messaging has lost its connection, and tries to connect again: its own log has the reason"

    def open(self, *, singly: bool = False) -> None:
        """Make a listener and start it, in a thread of its own: oslo.messaging tries to connect forever."""
        self._dispatcher = _Dispatcher()
        self._open_batches, self._next_tag, self._acked, self._throttled = [], 1, set(), False
        try:
            self._transport, self._server = _make_listener(
                self._url,
                self._options,
                replace(self._listening, prefetch=1) if singly else self._listening,
                self._dispatcher,
            )
        except transport.TransportError as error:
            raise SourceRefused(str(error)) from None
        self._start_error = None
        self._starting = threading.Thread(target=self._start, args=(self._server,), name="oslo-start", daemon=True)
        self._starting.start()
        while self._starting.is_alive():
            if self._stopped():
                raise SourceLost("stopped while connecting")
            self._starting.join(_STEP_S)
        if self._start_error is not None:
            raise SourceLost(f"{type(self._start_error).__name__}: {self._start_error}")

    def _start(self, server: Any) -> None:
        try:
            server.start(override_pool_size=1)
            _forget_nothing(server)
        except Exception as error:  # noqa: BLE001 - raised again in the source's own thread
            self._start_error = error

    def receive(self, timeout_s: float) -> Sequence[Delivery]:
        """Return the next batch, with tags of our own."""
        if self._throttled:
            time.sleep(min(timeout_s, _STEP_S))
            return ()
        try:
            batch = self._dispatcher.batches.get(timeout=timeout_s)
        except queue.Empty:
            return ()
        batch.first = self._next_tag
        self._next_tag += len(batch.messages)
        self._open_batches.append(batch)
        return [Delivery(batch.first + at, _flat(message), b"") for at, message in enumerate(batch.messages)]

    def throttle(self, *, on: bool) -> None:
        """Leave the next batch where it is."""
        self._throttled = on

    def ack(self, tag: int, *, multiple: bool) -> None:
        """Note that a message is settled; its batch is acknowledged with the last one."""
        for batch in self._open_batches:
            last = batch.first + len(batch.messages) - 1
            tags = range(batch.first, min(tag, last) + 1) if multiple else range(tag, tag + 1)
            fresh = [each for each in tags if batch.first <= each <= last and each not in self._acked]
            self._acked.update(fresh)
            batch.settled(len(fresh))
        done = [batch for batch in self._open_batches if batch.over.is_set()]
        for batch in done:
            self._open_batches.remove(batch)
            self._acked.difference_update(range(batch.first, batch.first + len(batch.messages)))

    def cancel(self) -> None:
        """Nothing to do: the batch in hand is all that comes, unless another one is asked for."""

    @property
    def cancelled(self) -> bool:
        """Whether no batch is in hand."""
        return not self._open_batches and self._dispatcher.batches.empty()

    def serve(self, timeout_s: float) -> None:
        """Wait: oslo.messaging serves its connection by itself, as far as it does."""
        time.sleep(min(timeout_s, _STEP_S * 4))

    def release(self) -> None:
        """Stop the listener; the batch in hand is requeued once."""
        self.close()

    def close(self) -> None:
        """Stop the listener, and requeue what is not settled."""
        server, self._server = self._server, None
        transport_, self._transport = self._transport, None
        if server is None:
            return
        # A thread, for oslo.messaging waits forever: for a connection it can't make, for a thread that can't end.
        ending = threading.Thread(target=self._end, args=(server, transport_), name="oslo-stop", daemon=True)
        ending.start()
        time.sleep(0)
        self._dispatcher.closed.set()
        never_connected = self._starting is not None and self._starting.is_alive()
        ending.join(_STEP_S if never_connected else _STOP_TIMEOUT_S)
        if ending.is_alive() and not never_connected:
            log.warning("bridge.oslo_hangs", queue=self.queue, what="the listener does not stop")

    @staticmethod
    def _end(server: Any, transport_: Any) -> None:
        try:
            server.stop()
            server.wait()
            transport_.cleanup()
        except Exception as error:  # noqa: BLE001 - it is being thrown away
            log.warning("bridge.oslo_stop_failed", error=f"{type(error).__name__}: {error}")

    def properties(self, raw: bytes) -> dict[str, Any]:  # noqa: ARG002 - the interface's
        """oslo.messaging does not hand out AMQP properties."""
        return {}


class _NoDuplicates:
    """In the place of oslo.messaging's cache of the last 16 unique ids.

    A message that is in there is neither handed out nor acknowledged: after a reconnect it stays with the consumer for
    good. A message that comes again is the bridge's business.
    """

    def check_duplicate_message(self, message: dict[str, Any]) -> str | None:
        unique_id: str | None = message.pop("_unique_id", None)
        return unique_id

    def add(self, unique_id: str | None) -> None:
        pass


def _forget_nothing(server: Any) -> None:
    listener: Any = getattr(server.listener, "_poll_style_listener", None)
    if hasattr(listener, "msg_id_cache"):  # of the AMQP drivers; the conformance suite notices when it is renamed
        listener.msg_id_cache = _NoDuplicates()


def _is_connected(server: Any) -> bool:
    """Whether an AMQP driver's connection stands; of other drivers, and of none that is known, nothing is reported."""
    found: Any = server.listener
    for name in ("_poll_style_listener", "conn", "connection", "connection"):
        found = getattr(found, name, None)
    return bool(getattr(found, "connected", True))


def _make_listener(url: str, given: Mapping[str, Any], listening: Listening, dispatcher: Any) -> tuple[Any, Any]:
    """Return a notification transport, and a listener on it that is not started; ``dispatcher`` takes its batches.

    Raises:
        TransportError: the URL or an option can't be used.
    """
    libraries = transport.oslo()
    bound_decompression()
    messaging = libraries.messaging
    options = {"rabbit_qos_prefetch_count": listening.prefetch, **given}
    if listening.prefetch == 1:
        # What the file says is for a cloud that consumes; one message is asked for so that no other is requeued.
        options["rabbit_qos_prefetch_count"] = 1
    conf = transport.new_conf(options)
    try:
        made = messaging.get_notification_transport(conf, url=url)
    except (messaging.InvalidTransportURL, messaging.DriverLoadFailure) as error:
        raise transport.TransportError(f"transport_url: {type(error).__name__}") from None
    target = messaging.Target(exchange=listening.exchange, topic=listening.topic)
    server = libraries.listener.BatchNotificationServer(
        made,
        [target],
        dispatcher,
        "threading",
        allow_requeue=True,
        pool=listening.pool or None,
        batch_size=min(_BATCH, listening.prefetch),
        batch_timeout=_BATCH_TIMEOUT_S,
    )
    return made, server


def _flat(incoming: Any) -> bytes:
    """Return a message as oslo.messaging's flat form 1.0, for the one decoder that both sources share."""
    flat = {**incoming.message, **{f"_context_{key}": value for key, value in dict(incoming.ctxt).items()}}
    try:
        return orjson.dumps(flat)
    except (TypeError, ValueError):
        return json.dumps(flat, default=str).encode(errors="surrogatepass")
