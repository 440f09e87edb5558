"""One cloud's producer, which is replaced after a fatal error.

Reports come while :meth:`CloudProducer.poll` runs, in the caller's thread. Methods that wait for Kafka say so.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from bridge.delivery.heartbeat_record import Record
from precache.kafka.connection import Connection
from precache.kafka.errors import KafkaCallError, KafkaRejected, KafkaRetry, translate
from precache.runtime.deadline import Deadline

_PURGE_TIMEOUT_S: Final = 10.0
# What the bridge itself brings about when it drops a producer: no word of Kafka's on the record.
PURGED: Final = frozenset({"_PURGE_QUEUE", "_PURGE_INFLIGHT"})

Report = Callable[[KafkaError | None, Any], None]


class ProbeResult:
    """Records that were sent to see whether Kafka takes them.

    Args:
        answered: called when a broker has answered, with a confirmation or a refusal.
        judged_later: whether a record may be refused for good without an error of the probe. Kafka has answered;
            what becomes of the message is decided when it comes again.

    Attributes:
        waiting: how many have no report yet.
        error: the first refusal; ``None`` while there is none.
    """

    def __init__(
        self,
        answered: Callable[[], None] = lambda: None,
        judged_later: Callable[[Record], bool] = lambda _: False,
    ) -> None:
        self._answered = answered
        self._judged_later = judged_later
        self._owed: dict[int, Record] = {}
        self._numbers = count()
        self.waiting = 0
        self.error: KafkaCallError | None = None

    @property
    def delivered(self) -> bool:
        """Whether Kafka has confirmed them all."""
        return self.waiting == 0 and self.error is None

    @property
    def owed(self) -> list[Record]:
        """The records that Kafka has still to take."""
        return list(self._owed.values())

    def send(self, record: Record, send: Callable[[Record, Report], None]) -> None:
        """Send a record."""
        number = next(self._numbers)
        self._owed[number] = record
        try:
            send(record, partial(self._report, number))
        except KafkaCallError as error:
            self._refused(number, error)
        else:
            self.waiting += 1

    def _report(self, number: int, error: KafkaError | None, _message: Any) -> None:
        self.waiting -= 1
        # The names of librdkafka's own errors begin with "_": all others are a broker's word.
        if error is None or not error.name().startswith("_"):
            self._answered()
        if error is None:
            del self._owed[number]
        else:
            self._refused(number, translate(error, "produce"))

    def _refused(self, number: int, error: KafkaCallError) -> None:
        is_final = isinstance(error, KafkaRejected) and error.name not in PURGED
        if is_final and self._judged_later(self._owed[number]):
            del self._owed[number]
        elif self.error is None:
            self.error = error


class CloudProducer:
    """Sends records and hands their reports out.

    Args:
        make: makes the producer; called again after a fatal error.
        make_unbatched: makes one that sends each record in a batch of its own. A broker refuses a whole batch as too
            large for its topic, and only of a record that was alone is it known that it is the cause.
        connection: what the producers report of their connections.

    Attributes:
        fatal_error: why the producer can send nothing until :meth:`rebuild`; ``None`` while it can.
        generation: how often it was rebuilt; of a record that was sent before, no report may ever come.
    """

    def __init__(
        self, make: Callable[[], Producer], make_unbatched: Callable[[], Producer], connection: Connection
    ) -> None:
        self._make = make
        self._make_unbatched = make_unbatched
        self._connection = connection
        self._producer = make()
        self._unbatched: Producer | None = None
        self.fatal_error: KafkaCallError | None = None
        self.generation = 0

    def send(self, record: Record, report: Report, *, unbatched: bool = False) -> None:
        """Queue a record; the report is called from :meth:`poll`, exactly once.

        Raises:
            KafkaCallError: it was not queued, and no report will come.
        """
        producer = self._unbatched_producer() if unbatched else self._producer
        try:
            producer.produce(record.topic, record.value, record.key, on_delivery=report, headers=record.headers)  # type: ignore[arg-type]
        except (KafkaException, BufferError) as error:
            raise translate(error, "produce") from None

    @property
    def refusal(self) -> KafkaRetry | None:
        """Kafka's refusal of the credentials. No report has it: records wait for a connection meanwhile."""
        return self._connection.refusal("produce")

    @property
    def trouble(self) -> str:
        """What went wrong last with a connection to Kafka; ``""`` while all is well."""
        return self._connection.last_error

    @property
    def produce(self) -> Callable[..., None]:
        """The producer's own ``produce``, for the path that every message takes. Not to be kept."""
        return self._producer.produce

    def poll(self, timeout_s: float = 0.0) -> None:
        """Hand out the reports that have come; wait for the first one if there is none."""
        self._serve(self._producer.poll, timeout_s)
        if self._unbatched is not None:
            self._serve(self._unbatched.poll, 0.0)

    def _serve(self, wait: Callable[[float], int], timeout_s: float) -> int:
        """Wait with a producer's own method; what librdkafka calls fatal is raised there, once."""
        try:
            return wait(timeout_s)
        except KafkaException as error:
            self.fatal_error = translate(error, "produce")
            return 1

    def purge(self) -> None:
        """Drop every record that is not confirmed, and hand out all reports: delivered, or purged."""
        deadline = Deadline.after(_PURGE_TIMEOUT_S)
        for producer in (self._producer, self._unbatched):
            if producer is not None:
                producer.purge()
        self._flush(deadline)

    def rebuild(self) -> None:
        """Replace the producer after a fatal error; its records are purged."""
        self.purge()
        self._producer = self._make()
        self._unbatched = None
        self.fatal_error = None
        self.generation += 1

    def flush(self, timeout_s: float) -> None:
        """Wait until every record has its report, or the time is up."""
        self._flush(Deadline.after(timeout_s))

    def _flush(self, deadline: Deadline) -> None:
        for producer in (self._producer, self._unbatched):
            while producer is not None and self._serve(producer.flush, deadline.left()) and not deadline.passed:
                pass

    def probe(self, heartbeat: Record) -> ProbeResult:
        """Send a heartbeat to see whether Kafka takes it."""
        result = ProbeResult(self._connection.answered)
        result.send(heartbeat, self.send)
        return result

    def probe_by(self, canaries: Sequence[Record], judged_later: Callable[[Record], bool]) -> ProbeResult:
        """Send records of messages to see whether Kafka takes them, or says of them alone that it never will."""
        result = ProbeResult(self._connection.answered, judged_later)
        for record in canaries:
            # One that is too large would have all others of its batch refused.
            result.send(record, partial(self.send, unbatched=True))
        return result

    def _unbatched_producer(self) -> Producer:
        if self._unbatched is None:
            self._unbatched = self._make_unbatched()
        return self._unbatched
