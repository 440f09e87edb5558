"""The processor as a service: its parts put together, checked, run, and taken apart."""

import gc
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from time import time
from typing import Final

from confluent_kafka import Producer

from precache.config.store import InfluxStoreConfig
from precache.contract.topics import ROLES, Role
from precache.kafka import clients, topics
from precache.kafka.errors import KafkaRetry
from precache.kafka.groups import GroupCommits, GroupMembers
from precache.kafka.log_reader import LogReader
from precache.runtime import metrics as build
from precache.runtime.backoff import backoff_s
from precache.runtime.deadline import Deadline
from precache.runtime.health import Health
from precache.runtime.http import serving
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop, finish_within
from precache.runtime.watchdog import Watchdog, WatchdogLimits, Watched
from processor import metrics
from processor.config import ProcessorConfig
from processor.core.points import READERS
from processor.errors import Fatal, Replaced, StartOver
from processor.fault_points import FaultPoints
from processor.gauges import PART as KAFKA_PART
from processor.gauges import Gauges
from processor.group.assignment import PART as PARTITIONS_PART
from processor.group.assignment import Assignment
from processor.group.membership import Membership
from processor.group.point_partitions import PointPartitions
from processor.group.predecessors import Predecessors
from processor.group.recovery import PartitionPlace, Rebuilder
from processor.group.rejoin import Rejoin
from processor.maintenance.rebuild_store import StoreRebuild
from processor.output.store_writer import PART as STORE_PART
from processor.output.store_writer import StoreWriter
from processor.output.transactions import Transactions
from processor.round.clock import WallClock
from processor.round.loop import Loop
from processor.round.steps import Steps
from processor.round.tuning import Tuning
from processor.shutdown import ShutdownGrace
from processor.stores.api import RowStore, StoreRetry
from processor.stores.opening import open_store
from processor.wall_time import SteadyWall

_STRATEGY: Final = "partition.assignment.strategy"
_LOOK: Final = "topic.metadata.refresh.interval.ms"
_LOOK_MS: Final = 60_000
_CHECK_S: Final = 15.0
_CAP_S: Final = 10.0
# What one call asks a store at most, one request after another.
_REQUESTS: Final = 4
_MS_PER_S: Final = 1_000
_MAX_POLL_MS: Final = 300_000  # librdkafka's default
# A round makes hundred thousands of objects and lets go of them all, none in a cycle: to look for cycles every 700
# objects, as Python does by itself, takes a fifth of the loop's CPU and finds nothing.
_OBJECTS_BEFORE_GC: Final = 500_000


def run(config: ProcessorConfig, stop: Stop, *, tuning: Tuning | None = None, check_topics: bool = True) -> bool:
    """Process until a stop is requested, then finish the round and leave the group, within ``shutdown_timeout``.

    Args:
        config: ``processor.yaml``.
        stop: asks for the end.
        tuning: the loop's bounds.
        check_topics: look at the topics' settings first. Only the demo does not: librdkafka's mock cluster has none.

    Returns:
        Whether all ended in time; see :func:`precache.runtime.shutdown.finish_within`.

    Raises:
        ProcessorError, KafkaCallError, StoreError: somebody must act; the text says what to do.
    """
    work = partial(_run, config, stop, tuning or Tuning(), check_topics=check_topics)
    return _ended(finish_within(work, stop, config.shutdown_timeout), config)


def _ended(in_time: bool, config: ProcessorConfig) -> bool:  # noqa: FBT001 - the answer of `finish_within`
    if not in_time:
        why = "a server does not answer; nothing is lost by it"
        log.warning("processor.hanging", seconds=config.shutdown_timeout, why=why)
    return in_time


def _run(config: ProcessorConfig, stop: Stop, tuning: Tuning, *, check_topics: bool) -> None:
    gc.set_threshold(_OBJECTS_BEFORE_GC)
    watchdog = Watchdog(_limits(config, tuning))
    watched = watchdog.watch("loop")
    health = Health(watchdog)
    # Ready is who has its partitions: all else may be well long before.
    health.set(PARTITIONS_PART, False, "starting")
    build.build_info("processor", config.instance)
    log.info("processor.starting", instance=config.instance, group=config.group)
    with ExitStack() as stack:
        stack.enter_context(watchdog.running())
        stack.enter_context(serving(None if config.http is None else config.http.listen, health))
        store = open_store(config.store)
        stack.callback(store.close)
        if check_topics and not _patiently(lambda: _check_topics(config), KAFKA_PART, health, stop, watched):
            return
        if not _patiently(store.check, STORE_PART, health, stop, watched):
            return
        try:
            _run_loop(config, stop, tuning=tuning, health=health, store=store, stack=stack, watched=watched)
        except Replaced as error:
            health.set(PARTITIONS_PART, False, str(error))
            log.error("processor.replaced", why=str(error), ending_in_s=tuning.replaced_wait_s)
            stop.wait(tuning.replaced_wait_s)
            raise
    log.info("processor.stopped", reason=stop.reason)


def rebuild(config: ProcessorConfig, stop: Stop, emit: Callable[[str], None]) -> bool:
    """Write the store anew from Kafka, with all processors of the group stopped; return at the log's end.

    Args:
        config: ``processor.yaml``.
        stop: asks for an early end.
        emit: is given lines for a person: how far it is.

    Returns:
        Whether all ended in time, after a request to stop; see :func:`precache.runtime.shutdown.finish_within`.

    Raises:
        ProcessorError, KafkaCallError, StoreError: somebody must act; the text says what to do.
    """
    return _ended(finish_within(lambda: _rebuild(config, stop, emit), stop, config.shutdown_timeout), config)


def _rebuild(config: ProcessorConfig, stop: Stop, emit: Callable[[str], None]) -> None:
    gc.set_threshold(_OBJECTS_BEFORE_GC)
    health = Health()
    name = f"{config.group}-rebuild-store"
    watchdog = Watchdog(_limits(config, Tuning()))
    watched = watchdog.watch("rebuild")
    with ExitStack() as stack:
        stack.enter_context(watchdog.running())
        store = open_store(config.store)
        stack.callback(store.close)
        if not _patiently(lambda: _check_stopped(config), KAFKA_PART, health, stop, watched):
            return
        if not _patiently(store.check, STORE_PART, health, stop, watched):
            return
        reader = stack.enter_context(LogReader(config.kafka, name))
        committed = stack.enter_context(GroupCommits(config.kafka, f"{name}-commits", config.group))
        StoreRebuild(config, reader, committed, store, stop, emit, watched).run(lambda: int(time() * _MS_PER_S))


def _run_loop(
    config: ProcessorConfig,
    stop: Stop,
    *,
    tuning: Tuning,
    health: Health,
    store: RowStore,
    stack: ExitStack,
    watched: Watched,
) -> None:
    name = config.transactional_id
    membership = _membership(config)
    stack.callback(membership.leave)
    reader = stack.enter_context(LogReader(config.kafka, name))
    wall = SteadyWall()
    predecessors = _predecessors(config, tuning)
    stack.callback(predecessors.close)
    rebuilder = Rebuilder(
        reader,
        membership,
        predecessors,
        config.operations.timers,
        call_s=tuning.call_s,
        on_replay=_log_replay,
        wall=wall.now,
    )
    place = PartitionPlace(config.topics.notifications, config.topics.operations, 0, config.group)
    points = PointPartitions(membership, _point_roles(config), tuning.call_s)
    assignment = Assignment(membership, rebuilder, points, health, place)
    fault_points = FaultPoints()
    grace = ShutdownGrace(stop, config.shutdown_timeout)
    gauges = Gauges(membership, assignment.assigned.values, health)
    serve = partial(_serve, membership, gauges, stop)
    transactions = _transactions(config, tuning, serve, grace, watched, fault_points)
    stack.callback(transactions.drop)
    writer = stack.enter_context(
        StoreWriter(
            store, membership, health, grace, _patient_s(config, tuning), watched=watched, serving=gauges.update
        )
    )
    steps = Steps(
        config.topics,
        membership=membership,
        points=points,
        store=writer,
        transactions=transactions,
        fault_points=fault_points,
    )
    clock = WallClock(membership, wall.now, tuning.margin_ms, tuning.call_s)
    members = GroupMembers(config.kafka, name, config.group)
    Loop(
        config.topics.notifications,
        membership=membership,
        rejoin=Rejoin(membership, members, name, tuning.call_s),
        assignment=assignment,
        clock=clock,
        transactions=transactions,
        steps=steps,
        fault_points=fault_points,
        gauges=gauges,
        tuning=tuning,
        stop=stop,
        watched=watched,
    ).run()


def _membership(config: ProcessorConfig) -> Membership:
    strategy = str(config.kafka.client("consumer").get(_STRATEGY, "cooperative-sticky"))
    ours = {
        # A topic of points that is made later is found so soon; librdkafka's default is five minutes.
        _LOOK: config.kafka.client("consumer").get(_LOOK, _LOOK_MS),
        "group.id": config.group,
        "group.instance.id": config.instance,
        _STRATEGY: strategy,
    }
    cooperative = "cooperative" in strategy
    make = partial(clients.consumer, config.kafka, config.transactional_id, **ours)
    return Membership(
        make,
        config.topics.notifications,
        config.instance,
        cooperative=cooperative,
        point_topics=list(_point_roles(config)),
    )


def _point_roles(config: ProcessorConfig) -> dict[str, Role]:
    """Return, by name, the topics whose every record is a point."""
    return {config.topics.name(role): role for role in READERS}


def _transactions(  # noqa: PLR0917 - each is another thing
    config: ProcessorConfig,
    tuning: Tuning,
    serve: Callable[[float], None],
    grace: ShutdownGrace,
    watched: Watched,
    fault_points: FaultPoints,
) -> Transactions:
    name = config.transactional_id
    return Transactions(
        lambda: _producer(config, tuning, name),
        transactional_id=name,
        call_s=tuning.call_s,
        limit_s=tuning.transaction_timeout_ms / _MS_PER_S,
        serve=serve,
        grace=grace,
        watched=watched,
        fault_points=fault_points,
    )


def _producer(config: ProcessorConfig, tuning: Tuning, transactional_id: str) -> Producer:
    timeouts = dict.fromkeys(("transaction.timeout.ms", "message.timeout.ms"), tuning.transaction_timeout_ms)
    return clients.transactional_producer(config.kafka, config.transactional_id, transactional_id, **timeouts)


def _predecessors(config: ProcessorConfig, tuning: Tuning) -> Predecessors:
    own = config.transactional_id
    return Predecessors(
        GroupCommits(config.kafka, f"{own}-commits", config.group),
        GroupMembers(config.kafka, own, config.group),
        topic=config.topics.notifications,
        own=own,
        of_group=f"{config.group}-",
        make=lambda transactional_id: _producer(config, tuning, transactional_id),
        call_s=tuning.call_s,
    )


def _patient_s(config: ProcessorConfig, tuning: Tuning) -> float:
    """Return how long a write may take with the group not served and a transaction open."""
    max_poll_ms = int(float(str(config.kafka.client("consumer").get("max.poll.interval.ms", _MAX_POLL_MS))))
    return min(max_poll_ms / 4, tuning.transaction_timeout_ms / 3) / _MS_PER_S


def _limits(config: ProcessorConfig, tuning: Tuning) -> WatchdogLimits:
    """Return how long the loop may be silent: longer than a call of a store that was given more time may take."""
    limits, store = tuning.limits, config.store
    longest_s = _REQUESTS * store.timeout if isinstance(store, InfluxStoreConfig) else 0.0
    more_s = max(0.0, longest_s - limits.beat_s)
    return replace(limits, beat_s=limits.beat_s + more_s, end_s=limits.end_s + more_s)


def _serve(membership: Membership, gauges: Gauges, stop: Stop, seconds: float) -> None:
    """Serve the group while something is waited for, however long; but not past a request to stop."""
    if stop.requested:
        raise StartOver("it is time to stop")
    membership.poll(1, seconds)
    gauges.update()


def _log_replay(records: int, seconds: float) -> None:
    metrics.REPLAYED.inc(records)
    metrics.REPLAY_S.observe(seconds)


def _patiently(check: Callable[[], None], part: str, health: Health, stop: Stop, watched: Watched) -> bool:
    """Check until it passes; return False when a stop is requested first."""
    failed = 0
    while not stop.requested:
        watched.round_ended()
        try:
            check()
        except (KafkaRetry, StoreRetry) as error:
            health.set(part, False, str(error))
            (log.error if error.actionable else log.warning)("processor.waiting", part=part, why=str(error))
            stop.wait(backoff_s(failed, cap_s=_CAP_S))
            failed += 1
        else:
            health.set(part, True)
            return True
    return False


def _check_topics(config: ProcessorConfig) -> None:
    """Refuse topics that would break a promise.

    Raises:
        Fatal: with every error, and the command that fixes it.
        KafkaCallError: they can't be looked at.
    """
    admin = clients.admin(config.kafka)
    errors = topics.check(admin, config.topics, ROLES, Deadline.after(min(_CHECK_S, config.shutdown_timeout)))
    if errors:
        raise Fatal("the topics are not as they have to be:\n  " + "\n  ".join(map(str, errors)))


def _check_stopped(config: ProcessorConfig) -> None:
    """Refuse to write beside a processor that runs.

    Raises:
        Fatal: the group has members.
        KafkaCallError: Kafka does not answer.
    """
    members = GroupMembers(config.kafka, config.transactional_id, config.group).read(_CHECK_S)
    if members:
        names = ", ".join(sorted(members))
        raise Fatal(f"processors of the group {config.group} are running ({names}): stop them, and try again")
