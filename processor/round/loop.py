"""The processor's loop: rounds of six steps.

1. poll: serve the group, read what there is;
2. fire the timers that are due at or before each record's timestamp, then apply the record; fire those that are due by
   wall time where nothing is left to be read;
3. write the progress points: they are idempotent, so a round that is cut short here writes them again; while the store
   has them, begin the transaction of step 4 with the records of ``precache.progress``;
4. commit in one transaction: derived records, dead letters, and the offset of every partition that was read or has
   records in it, also when only a timer caused them: a transaction without offsets would not be fenced;
5. write the row of every operation that this round changed. After the commit, which proved that the partition was ours;
6. forget the operations that were closed; until here ``replay_from`` counts them, so a restart writes their rows again.

Whatever goes wrong before the commit is known to be done: the state of all partitions is dropped and built anew from
what is committed. Nothing is ever sent again from memory.
"""

from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, Message

from precache.kafka import codes
from precache.kafka.errors import KafkaAbortable, KafkaFatal, KafkaFenced, KafkaRetry, translate
from precache.runtime.backoff import backoff_s
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from processor import metrics
from processor.errors import StartOver
from processor.fault_points import FaultPoints
from processor.gauges import Gauges
from processor.group.assigned_partition import AssignedPartition
from processor.group.assignment import Assignment
from processor.group.membership import Membership, Place, is_absent
from processor.group.rejoin import Rejoin
from processor.output.transactions import Transactions
from processor.round.clock import WallClock
from processor.round.steps import Steps
from processor.round.tuning import Tuning

# After these the state is built anew from what is committed. What is not among them ends the process.
_PASSES = (StartOver, KafkaRetry, KafkaFenced, KafkaAbortable)
_SERVE_S = 0.1


class Loop:
    """One processor's loop over the partitions of ``topic``. For one thread."""

    def __init__(
        self,
        topic: str,
        *,
        membership: Membership,
        rejoin: Rejoin,
        assignment: Assignment,
        clock: WallClock,
        transactions: Transactions,
        steps: Steps,
        fault_points: FaultPoints,
        gauges: Gauges,
        tuning: Tuning,
        stop: Stop,
        watched: Watched,
    ) -> None:
        self._topic = topic
        self._membership = membership
        self._rejoin = rejoin
        self._assignment = assignment
        self._clock = clock
        self._transactions = transactions
        self._steps = steps
        self._fault_points = fault_points
        self._tuning = tuning
        self._stop = stop
        self._watched = watched
        self._gauges = gauges
        self._gaps: dict[int, int] = {}
        self._failed = 0

    def run(self) -> None:
        """Go round until a stop is requested; the round that is under way is finished.

        Raises:
            Fatal, KafkaFatal, KafkaRejected, StoreFatal: somebody must act; the text says what to do.
        """
        self._membership.join()
        while not self._stop.requested:
            try:
                self._transactions.ready()
                self._one_round()
            except _PASSES as error:
                self._start_over(error)
            self._watched.round_ended()

    def _one_round(self) -> None:
        assignment = self._assignment
        self._rejoin.check()
        assignment.apply_changes()
        messages = self._poll()
        began = monotonic()
        assignment.drop_lost()
        if messages:
            self._fault_points.hit("step2:before")
        self._clock.observe(assignment.assigned.values())
        self._apply(messages)
        for assigned in assignment.assigned.values():
            self._clock.advance(assigned)
        if messages:
            self._fault_points.hit("step2:after")
        busy = [assigned for assigned in assignment.assigned.values() if assigned.dirty]
        if busy or assignment.points.dirty:
            self._steps.write_points(busy, messages)
            self._steps.commit(busy)
            self._failed = 0
            self._steps.write_rows(busy)
            self._steps.forget(busy)
            metrics.ROUND_S.observe(monotonic() - began)
        assignment.rebuild_some()
        self._gauges.update()

    def _poll(self) -> list[Message]:
        """Step 1. A round is bounded by records and by bytes."""
        if self._assignment.assigned:
            self._fault_points.hit("step1:before")
        tuning = self._tuning
        batch = max(1, tuning.round_records // 8)
        messages = self._membership.poll(batch, 0.0 if self._assignment.waiting else tuning.poll_s)
        got, size = messages, 0
        while got and len(messages) + batch <= tuning.round_records:
            size += sum(len(message.value() or b"") for message in got)
            if size > tuning.round_bytes:
                break
            got = self._membership.more(batch)
            messages += got
        if messages:
            self._fault_points.hit("step1:after")
        return messages

    def _apply(self, messages: list[Message]) -> None:
        """Step 2."""
        partitions = self._assignment.assigned
        interrupted: set[int] = set()
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(message, error)
                continue
            if message.topic() != self._topic:
                self._assignment.points.take(message)
                continue
            # A partition that was taken away in this very poll is not held any more.
            number: Any = message.partition()
            assigned = partitions.get(number)
            if assigned is None or number in interrupted:
                continue
            offset: Any = message.offset()
            if offset != assigned.next_offset and not self._accept_gap(assigned, offset):
                interrupted.add(number)
                continue
            assigned.apply(message.timestamp()[1], offset, message.key(), message.value() or b"")

    def _accept_gap(self, assigned: AssignedPartition, offset: int) -> bool:
        """Return whether to go on past offsets that did not come: only where they did not come a second time either.

        What was applied up to there is right, and is committed: each gap costs one look back, however many there are.
        """
        if offset > assigned.next_offset and self._gaps.pop(assigned.number, None) == assigned.next_offset:
            log.error(
                "processor.records_missing",
                partition=assigned.number,
                next_offset=assigned.next_offset,
                next=offset,
                advice="deleted by hand, or written in a transaction; nothing of precache does that",
            )
            return True
        self._gaps[assigned.number] = assigned.next_offset
        log.warning("processor.gap", partition=assigned.number, next_offset=assigned.next_offset, got=offset)
        self._membership.read_anew(Place(self._topic, assigned.number))
        return False

    def _on_error(self, message: Message, error: KafkaError) -> None:
        """Take what a partition, or the group, has to say other than records."""
        self._membership.check(message)
        if is_absent(message):
            return
        problem = translate(error, "read")
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - the library's own name for it
            place = Place.of(message)
            log.warning("processor.out_of_range", topic=place.topic, partition=place.number, why=str(problem))
            if place.topic == self._topic:
                self._assignment.drop([place.number])
            else:
                self._assignment.points.read_from_start(place)
        elif isinstance(problem, KafkaFatal):
            raise problem
        else:
            log.warning("processor.read_error", partition=message.partition(), why=str(problem))

    def _start_over(self, error: Exception) -> None:
        """Drop all state, and the transaction; what was under way is done again from what is committed."""
        metrics.STARTED_OVER.labels(type(error).__name__).inc()
        if isinstance(error, KafkaAbortable) and codes.DECISIONS.get(error.name) == "rejected":
            # All records of precache fit into topics as the check at start wants them: somebody has changed one since.
            log.error("processor.topic_refuses", why=str(error), advice="`precache doctor` names the topic's setting")
        log.warning("processor.starting_over", why=str(error))
        self._assignment.drop_all()
        self._transactions.give_up(error)
        self.serve(backoff_s(self._failed, base_s=0.2, cap_s=10.0))
        self._failed += 1

    def serve(self, seconds: float) -> None:
        """Let time pass; the group is served, and nothing is read."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0 and not self._stop.requested:
            self._watched.beat()
            self._membership.poll(1, min(left, _SERVE_S))
