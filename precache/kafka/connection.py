"""What a client reports of its connections, in few log events: lost once, back once, and no more.

librdkafka logs each failed attempt to connect, several times a second and broker. Here one ``kafka.disconnected`` is
written when a broker is lost, again every minute while it is away, and one ``kafka.connected`` when it is back, which
the client's statistics show.
"""

import logging
import re
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import orjson
from confluent_kafka import KafkaError

from precache.kafka.codes import ADVICE
from precache.kafka.errors import KafkaRetry
from precache.runtime.logs import log
from precache.runtime.throttle import Throttle

REPEAT_S: Final = 60.0
# Once in that many ms each client says which brokers it is connected to.
STATISTICS_INTERVAL_MS: Final = 5_000

_BROKER: Final = re.compile(
    r"^(?:\[thrd:[^\]]*\]: )?(?:(?:Group|Txn|Transaction)Coordinator(?:/\d+)?: )?"
    r"(?:\w+://)?(?P<broker>\[?[\w.:-]+?\]?:\d+)(?:/\w+)?: (?P<why>.*)$",
    re.DOTALL,
)
_TIMES: Final = re.compile(r" \(after \d+ms in state [^)]*\)")
# "... is a consumer property and will be ignored by this producer instance": one block serves all kinds of clients.
_NOT_FOR_THIS_CLIENT: Final = "will be ignored by this"
_CONNECTION: Final = frozenset({"_TRANSPORT", "_RESOLVE", "_TIMED_OUT", "_ALL_BROKERS_DOWN"})
_CREDENTIALS: Final = frozenset({"_AUTHENTICATION", "_SSL", "SASL_AUTHENTICATION_FAILED"})


class Connection:
    """The log, error and statistics callbacks of one client. Safe in any thread.

    Attributes:
        last_error: what went wrong last with a broker; ``""`` while all is well. For texts.
        refused: the name of the code with which our credentials were refused; ``""`` while they were not.
    """

    def __init__(self, client: str, clock: Callable[[], float] = monotonic) -> None:
        self.last_error = ""
        self.refused = ""
        self._refusal = ""
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._lost: dict[str, float] = {}
        self._throttle = Throttle(REPEAT_S)

    def properties(self) -> dict[str, Any]:
        """Return the properties that make a client report here."""
        return {
            "logger": self,
            "error_cb": self.on_error,
            "stats_cb": self.on_statistics,
            "statistics.interval.ms": STATISTICS_INTERVAL_MS,
        }

    def refusal(self, doing: str) -> KafkaRetry | None:
        """Return as an error, with what to do, that the brokers refuse our credentials; None while they do not.

        A call knows nothing of it: records wait for a connection, and requests time out.
        """
        name = self.refused
        return KafkaRetry(doing, name, self._refusal, actionable=True) if name else None

    def answered(self) -> None:
        """Note that a broker answered a request: it takes our credentials, which the statistics show later."""
        self.refused = ""

    def log(self, level: int, template: str, *args: object) -> None:
        """Take a line of librdkafka's log, as its binding hands it to a ``logging.Logger``: facility, name, text."""
        facility = str(args[0]) if args else ""
        text = str(args[-1]) if args else template
        match = _BROKER.match(text)
        if facility in {"FAIL", "ERROR"} and match and level >= logging.ERROR:
            self._disconnected(match["broker"], match["why"])
        elif level < logging.WARNING:
            log.debug("kafka.client", client=self._client, facility=facility, text=text)
        elif _NOT_FOR_THIS_CLIENT not in text:
            self._limited(log.warning, "kafka.client", facility, facility=facility, text=text)

    def on_error(self, error: KafkaError) -> None:
        """Take an error that belongs to no call."""
        match = _BROKER.match(error.str())
        if error.name() in _CREDENTIALS:
            self.last_error = _without_times(error.str())
            self._refusal = f"{self.last_error}: {ADVICE[error.name()]}"
            self.refused = error.name()
            self._limited(log.error, "kafka.refused", error.name(), text=self._refusal)
        elif error.name() in _CONNECTION:
            # Each broker's loss is reported by its line in the log, and _ALL_BROKERS_DOWN by those of all.
            self.last_error = _without_times(f"{match['broker']}: {match['why']}" if match else error.str())
        elif not error.fatal():  # a fatal one is raised by the next call
            self._limited(log.warning, "kafka.client", error.name(), text=error.str())

    def on_statistics(self, text: str) -> None:
        """Take librdkafka's statistics: a broker that is up again is reported."""
        if not self._lost:
            return
        up = {str(b["nodename"]) for b in orjson.loads(text).get("brokers", {}).values() if b["state"] == "UP"}
        for broker in sorted(up):
            self._connected(broker)

    def _disconnected(self, broker: str, why: str) -> None:
        why = _without_times(why)
        with self._lock:
            self._lost.setdefault(broker, self._clock())
            self.last_error = f"{broker}: {why}"
        self._limited(log.warning, "kafka.disconnected", broker, broker=broker, why=why)

    def _connected(self, broker: str) -> None:
        with self._lock:
            since = self._lost.pop(broker, None)
            self._throttle.forget(("kafka.disconnected", broker))
            if not self._lost:
                self.last_error = self.refused = ""
        if since is not None:
            log.info("kafka.connected", client=self._client, broker=broker, away_s=round(self._clock() - since, 1))

    def _limited(self, write: Callable[..., object], event: str, subject: str, **fields: object) -> None:
        """Write an event unless the same was written within the last minute; say how many were left out."""
        with self._lock:
            held_back = self._throttle.take((event, subject), self._clock())
        if held_back is not None:
            write(event, client=self._client, **fields, **({"repeated": held_back} if held_back else {}))


def _without_times(why: str) -> str:
    return _TIMES.sub("", why)
