"""The transactional producer through its failures: aborted, replaced, or given up for good."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from confluent_kafka import Producer, TopicPartition

from precache.kafka.bounded import within
from precache.kafka.errors import KafkaCallError, KafkaFenced, KafkaHanging, KafkaRetry, kafka_errors
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from precache.runtime.watchdog import Watched
from processor.errors import StartOver
from processor.fault_points import FaultPoints
from processor.output.encode import OutputRecord, Publisher
from processor.shutdown import ShutdownGrace

# These say that a producer with the same transactional id came after this one, or that Kafka ended the transaction:
# this process slept too long. (Whether another one has its name, the group says: Membership.)
_REPLACED: Final = frozenset({"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"})

_INITIALISE: Final = "initialise transactions"


class Transactions:
    """Commits rounds, with a producer that is made anew when it has to be.

    Args:
        make: returns a transactional producer that was not initialised.
        transactional_id: the producer's.
        call_s: how long one call may take.
        limit_s: the transaction's timeout.
        serve: called between attempts, with seconds to pass: serves the group.
        grace: once it ended, what Kafka does not answer is left to the next start: it aborts what was begun.
        watched: has a beat with each call.
        fault_points: has the point within a commit.
    """

    def __init__(
        self,
        make: Callable[[], Producer],
        *,
        transactional_id: str,
        call_s: float,
        limit_s: float,
        serve: Callable[[float], None],
        grace: ShutdownGrace,
        watched: Watched,
        fault_points: FaultPoints,
    ) -> None:
        self.transactional_id = transactional_id
        self._make = make
        self._call_s = call_s
        self._limit_s = limit_s
        self._serve = serve
        self._grace = grace
        self._watched = watched
        self._fault_points = fault_points
        self._producer: Producer | None = None
        self._begun = False
        # Why a record of the open transaction was not taken.
        self._refused: KafkaCallError | None = None

    def ready(self) -> None:
        """Have a producer whose predecessors of the same name are fenced, their transactions aborted.

        Raises:
            KafkaCallError: not to be had.
        """
        failed = 0
        while self._producer is None:
            self._watched.beat()
            producer = self._make()
            try:
                with kafka_errors(_INITIALISE):
                    within(_INITIALISE, self._call_s, partial(producer.init_transactions, self._call_s))
            except KafkaRetry as error:
                log.warning("processor.waiting_for_transactions", attempt=failed + 1, why=str(error))
                self._serve(backoff_s(failed, cap_s=5.0))
                failed += 1
            else:
                self._producer = producer

    @property
    def begun(self) -> bool:
        """Whether a transaction is open."""
        return self._begun

    def begin(self, outputs: Iterable[OutputRecord]) -> None:
        """Open a transaction and write records into it: none is to be read before :meth:`commit`.

        Raises:
            KafkaCallError: see :meth:`give_up`.
            StartOver: there is no producer: the last one could not abort what the store made wait.
        """
        if self._producer is None:
            # To make one here would serve the group, and partitions of this very round could be taken away.
            raise StartOver("the producer was given up while the store was waited for")
        self._begun = True
        self._refused = None
        publisher = self._publisher(self._producer)
        publisher.begin()
        try:
            publisher.write(outputs)
        except KafkaCallError as error:
            self._refused = error

    def commit(self, outputs: Iterable[OutputRecord], offsets: list[TopicPartition], group: Any) -> None:
        """Write more records, and offsets: with all that was written since :meth:`begin`, all or nothing.

        Raises:
            KafkaCallError: it is not known to be written; see :meth:`give_up`.
        """
        assert self._producer is not None  # noqa: S101 - for the type checker: begin() saw to it
        publisher = self._publisher(self._producer)
        if self._refused is None:
            try:
                publisher.write(outputs)
            except KafkaCallError as error:
                self._refused = error
        # Once Kafka refused a record, librdkafka takes no more of the transaction, and gives no reason: that comes with
        # the offsets.
        publisher.add_offsets(offsets, group)
        self._fault_points.hit("step4:inside")
        if self._refused is not None:
            raise self._refused
        try:
            publisher.commit()
        except KafkaRetry:
            # A commit that timed out is still under way in librdkafka, which refuses every other call meanwhile: an
            # abort would be tried in vain until the transaction has ended. The next producer ends it, however it went.
            self._begun = False
            self.drop()
            raise
        self._begun = False

    def give_up(self, error: Exception | None = None) -> None:
        """Abort what was begun; where that can't be, drop the producer: the next one fences it."""
        if not self._begun or self._producer is None:
            return
        self._begun = False
        gone = isinstance(error, KafkaHanging) or (isinstance(error, KafkaFenced) and error.name in _REPLACED)
        if gone or not self._publisher(self._producer).abort():
            self.drop()

    def drop(self) -> None:
        """Let go of the producer, and of what it holds."""
        if self._producer is not None:
            try:
                with kafka_errors("drop a producer"):
                    self._producer.purge()
            except KafkaCallError as error:
                log.debug("processor.purge_failed", why=str(error))
            self._producer = None

    def _publisher(self, producer: Producer) -> Publisher:
        return Publisher(producer, self._call_s, self._limit_s, self._grace, self._watched)
