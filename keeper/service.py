"""The keeper as a service: one of a group acts, the others wait."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from time import monotonic, time
from typing import Final

from keeper import metrics
from keeper.api import Reply
from keeper.clouds import OpenStackClouds, ReachableCloud
from keeper.config import KeeperCloud, KeeperConfig
from keeper.core.plan import Plan, plan_cloud
from keeper.leadership import Leadership
from keeper.memory import WantedTopic
from keeper.notifications import NotificationLog
from keeper.reload import ConfigFile
from keeper.round import Round
from precache.contract.wanted import Wanted
from precache.kafka import clients
from precache.kafka.errors import KafkaAbortable, KafkaCallError, KafkaFenced, KafkaRetry
from precache.kafka.log_reader import LogReader
from precache.openstack.client import connect
from precache.query.opening import open_reader
from precache.runtime.backoff import backoff_s
from precache.runtime.health import Health
from precache.runtime.http import serving
from precache.runtime.logs import log
from precache.runtime.metrics import build_info
from precache.runtime.shutdown import Stop, finish_within
from precache.runtime.watchdog import Watchdog, WatchdogLimits, Watched

PART: Final = "keeper"
EVERY_S: Final = 60.0
# How often the notifications are looked at for hosts that joined.
_LOOK_S: Final = 5.0
_POLL_S: Final = 0.25
# A new keeper reads so far back: more than the heartbeats of three minutes, and the requests that may be open.
_LOOK_BACK_S: Final = 3_600.0
# `--once` waits this long for the group: a keeper that was killed is a member until its session ends.
_JOIN_S: Final = 30.0
_CAP_S: Final = 10.0
# One cloud that does not answer takes three minutes.
_LIMITS: Final = WatchdogLimits(round_s=600.0, beat_s=900.0, end_s=1_200.0)
_TRANSACTION_MS: Final = 30_000
# After these a round is done again, from what Kafka has.
_PASSES: Final = (KafkaRetry, KafkaFenced, KafkaAbortable)


class Keeper:
    """Rounds, with all that they need.

    Args:
        config: ``keep.yaml``.
        stack: closes what is opened here.
        watched: has a beat with each step of a round.
        goes_on: whether to go on; asked before each cloud and each request.
        writes: for a plan alone nothing is written.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        config: KeeperConfig,
        stack: ExitStack,
        *,
        goes_on: Callable[[], bool] = lambda: True,
        writes: bool = True,
        clock: Callable[[], float] = time,
    ) -> None:
        name = f"precache-keeper-{config.instance}"
        self._config = config
        self._clock = clock
        reader = open_reader(config.store)
        stack.callback(reader.close)
        self.log = NotificationLog(config.kafka, f"{name}-log", config.topics.notifications, self._since_ms())
        stack.callback(self.log.close)
        topic_reader = stack.enter_context(LogReader(config.kafka, f"{name}-wanted"))
        make = partial(
            clients.transactional_producer,
            config.kafka,
            name,
            config.group,
            **dict.fromkeys(("transaction.timeout.ms", "message.timeout.ms"), _TRANSACTION_MS),
        )
        self.memory = WantedTopic(topic_reader, config.topics.wanted, make if writes else None)
        self._clouds = OpenStackClouds(reader, self.log, clock)
        self._round = Round(self._clouds, self.memory, clock, goes_on=goes_on, on_reply=_note_reply)
        self.configure(config)

    def configure(self, config: KeeperConfig) -> None:
        """Take what is declared, and how the clouds are reached."""
        self._config = config
        self._clouds.configure({each.name: _access(each, config) for each in config.operators.clouds})

    def begin(self) -> None:
        """Begin to act, after others did: of what Nova sent meanwhile only the last hour counts."""
        self.log.rewind(self._since_ms())

    def _since_ms(self) -> int:
        return int((self._clock() - _LOOK_BACK_S) * 1_000)

    def run_round(self) -> Mapping[str, Plan]:
        """Carry out one round; return the plan of each cloud.

        Raises:
            KafkaCallError: it ended early; what was asked is known, or will be.
        """
        with metrics.ROUND_S.time():
            plans = self._round.run(self._config.declarations())
        metrics.show(plans)
        metrics.LAST_ROUND.set(self._clock())
        for plan in plans.values():
            for status in plan.statuses:
                record = status.record
                log.debug("keeper.status", key=record.key, state=record.state, reason=record.reason)
        return plans

    def plan(self) -> Mapping[str, Plan]:
        """Return the plan of each cloud; nothing is written, and nothing is asked.

        Raises:
            KafkaCallError: Kafka can't be read.
        """
        # Heartbeats count from the second look on.
        self.log.catch_up()
        everything = self.memory.read()
        plans = {}
        for each in self._config.declarations():
            records = {key: record for key, record in everything.items() if record.cloud == each.cloud}
            view = self._clouds.look(each.cloud, records)
            plans[each.cloud] = plan_cloud(each.declarations, each.rules, view, records, self._clock())
        return plans


def plan_once(config: KeeperConfig) -> Mapping[str, Plan]:
    """Return what a keeper would do now; see :meth:`Keeper.plan`."""
    with ExitStack() as stack:
        return Keeper(config, stack, writes=False).plan()


def run_once(config: KeeperConfig, stop: Stop) -> Mapping[str, Plan] | None:
    """Carry out one round; return the plan of each cloud, or ``None`` when another keeper acts.

    Raises:
        KafkaCallError: Kafka does not answer, or refuses.
    """
    with ExitStack() as stack:
        leadership = _join(config, stack)
        end_s = monotonic() + _JOIN_S
        while not leadership.is_member and monotonic() < end_s and not stop.requested:
            leadership.poll(_POLL_S)
        if not leadership.leads:
            return None
        keeper = Keeper(config, stack, goes_on=lambda: _serve(leadership, stop))
        keeper.memory.lead()
        keeper.log.catch_up()
        return keeper.run_round()


def run(file: ConfigFile, stop: Stop, *, every_s: float = EVERY_S) -> bool:
    """Keep what is declared, until a stop is requested; then end within ``shutdown_timeout``.

    Returns:
        Whether all ended in time; see :func:`precache.runtime.shutdown.finish_within`.

    Raises:
        KafkaCallError: Kafka refuses for good: a missing right, wrong properties.
        ListenError: the address of ``http.listen`` can't be listened on.
    """
    shutdown_s = file.config.shutdown_timeout
    in_time = finish_within(lambda: _run(file, stop, every_s), stop, shutdown_s)
    if not in_time:
        log.warning("keeper.hanging", seconds=shutdown_s, why="a server does not answer; nothing is lost by it")
    return in_time


def _run(file: ConfigFile, stop: Stop, every_s: float) -> None:
    config = file.config
    watchdog = Watchdog(_LIMITS)
    health = Health(watchdog)
    health.set(PART, False, "starting")
    build_info("keeper", config.instance)
    log.info("keeper.starting", instance=config.instance, group=config.group)
    with ExitStack() as stack:
        stack.enter_context(watchdog.running())
        stack.enter_context(serving(None if config.http is None else config.http.listen, health))
        watched = watchdog.watch("loop")
        leadership = _join(config, stack)
        keeper = Keeper(config, stack, goes_on=lambda: _beat(watched) and _serve(leadership, stop))
        _Loop(file, keeper, leadership, health, stop, watched, every_s).run()
    log.info("keeper.stopped", reason=stop.reason)


class _Loop:
    """The service's loop: rounds while it leads."""

    def __init__(  # noqa: PLR0917 - each is another thing
        self,
        file: ConfigFile,
        keeper: Keeper,
        leadership: Leadership,
        health: Health,
        stop: Stop,
        watched: Watched,
        every_s: float,
    ) -> None:
        self._file = file
        self._keeper = keeper
        self._leadership = leadership
        self._health = health
        self._stop = stop
        self._watched = watched
        self._every_s = every_s
        self._writes = self._acts = False
        self._failed = 0
        self._round_at_s = self._look_at_s = 0.0

    def run(self) -> None:
        while not self._stop.requested:
            try:
                self._step()
            except _PASSES as error:
                self._start_over(error)
            self._watched.round_ended()

    def _step(self) -> None:
        self._leadership.poll(_POLL_S)
        metrics.LEADS.set(self._leadership.leads)
        if self._file.changed():
            self._keeper.configure(self._file.config)
            self._round_at_s = 0.0
        if not self._leadership.leads:
            self._writes = self._acts = False
            self._health.set(PART, self._leadership.is_member, "" if self._leadership.is_member else "joining")
            return
        if not self._acts:
            self._keeper.begin()
            self._acts = True
        if not self._writes:
            self._keeper.memory.lead()
            self._writes = True
        now_s = monotonic()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + _LOOK_S
            self._keeper.log.catch_up()
            if joined := self._keeper.log.take_joined():
                log.info("keeper.hosts_joined", clouds=sorted(joined))
                self._round_at_s = 0.0
        if now_s >= self._round_at_s:
            self._keeper.run_round()
            self._round_at_s = monotonic() + self._every_s
            self._failed = 0
            self._health.set(PART, True)

    def _start_over(self, error: KafkaCallError) -> None:
        """Begin anew from what Kafka has: whether the last write is there is not known."""
        metrics.FAILED.inc()
        self._writes = False
        self._keeper.memory.let_go()
        self._health.set(PART, False, str(error))
        log.warning("keeper.starting_over", why=str(error))
        if isinstance(error, KafkaFenced):
            # To fence the other one in turn would be wrong: this process may have been paused, and not know it yet.
            self._leadership.join_anew()
        until_s = monotonic() + backoff_s(self._failed, cap_s=_CAP_S)
        self._failed += 1
        while monotonic() < until_s and not self._stop.wait(_POLL_S):
            try:
                self._leadership.poll(0.0)
            except _PASSES:
                continue


def _join(config: KeeperConfig, stack: ExitStack) -> Leadership:
    ours = {
        "group.id": config.group,
        "partition.assignment.strategy": "range",
        # No topic yet is no error that lasts: `precache topics create` makes it.
        "topic.metadata.refresh.interval.ms": 10_000,
    }
    consumer = clients.consumer(config.kafka, f"precache-keeper-{config.instance}", **ours)
    leadership = Leadership(consumer, config.topics.wanted)
    stack.callback(leadership.leave)
    leadership.join()
    return leadership


def _access(cloud: KeeperCloud, config: KeeperConfig) -> ReachableCloud:
    choices = [image for each in config.wanted if each.cloud == cloud.name for image in each.images]
    return ReachableCloud(
        connect=partial(connect, cloud.os_cloud, cloud.region, place=cloud.name),
        choices=list(dict.fromkeys(choices)),
        purge_after_s=cloud.purge_after_s,
        longest_purge_s=max(cloud.purge_after, *cloud.purge_after_by_aggregate.values(), 0.0),
    )


def _serve(leadership: Leadership, stop: Stop) -> bool:
    """Serve the group within a round; return whether the round goes on."""
    leadership.poll(0.0)
    return leadership.leads and not stop.requested


def _beat(watched: Watched) -> bool:
    watched.beat()
    return True


def _note_reply(record: Wanted, reply: Reply) -> None:
    metrics.count_reply(record, reply)
    emit = log.info if reply.answer == "accepted" else log.warning
    emit(
        "keeper.asked",
        cloud=record.cloud,
        aggregate=record.aggregate_name,
        image=record.image,
        round=record.round,
        global_request_id=record.global_request_id,
        answer=reply.answer,
        why=reply.detail,
    )
