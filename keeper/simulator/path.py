"""A model of the path from Nova to what the keeper reads: RabbitMQ, the bridge, Kafka, the processor, the store."""

from collections import deque
from typing import Final

from keeper.core.observed import ObservedHostImage, ObservedOperation
from keeper.simulator.nova import OperationModel, SentNotification
from keeper.simulator.timeline import Timeline
from precache.contract.operation import FINAL_STATUSES

_HEARTBEAT_S: Final = 60.0
_STALL_AFTER_S: Final = 35 * 60.0
_ABANDON_AFTER_S: Final = 24 * 3_600.0
_LOOK_EVERY_S: Final = 30.0
# What ended before is of no use to the keeper.
_KEEP_S: Final = 26 * 3_600.0


class KnownOperation:
    """What the processor knows of one operation."""

    def __init__(self, operation: OperationModel, uuid: str, now_s: float) -> None:
        self.model = operation
        self.uuid = uuid
        self.status = "running"
        self.reported: dict[str, bool] = {}
        self.last_event_s = operation.started_s
        self.heartbeat_s = now_s

    def seen(self) -> ObservedOperation:
        """Return it as the keeper sees it."""
        return ObservedOperation(
            id=f"cloud/{self.uuid}/{self.model.request_id}",
            aggregate_uuid=self.uuid,
            global_request_id=self.model.global_request_id,
            status=self.status,
            images=[self.model.image] if self.reported else [],
            hosts_total=len(self.model.hosts),
            hosts_done=len(self.reported),
            started_s=self.model.started_s,
            last_event_s=self.last_event_s,
        )


class PathModel:
    """Carries notifications, and holds what follows from them.

    Attributes:
        bridge, kafka, processor, store: whether each is up; what is sent meanwhile waits before it.
        residency: as :class:`keeper.core.observed.CloudView` has it.
        started: global request ids whose START is in Kafka.
        heartbeat_s: the last heartbeat that the store has.
    """

    def __init__(self, time: Timeline, uuids: dict[str, str]) -> None:
        self.bridge = self.kafka = self.processor = self.store = True
        self.residency: dict[tuple[str, str], dict[str, ObservedHostImage]] = {}
        self.started: set[str] = set()
        self.heartbeat_s: float | None = None
        self._time = time
        self._uuids = uuids
        self._resumed_s = time.now_s
        self._rabbitmq: deque[SentNotification] = deque()
        self._log: deque[SentNotification | float] = deque()
        self._known: dict[str, KnownOperation] = {}
        time.every(_HEARTBEAT_S, self._beat, first_s=7.0)
        time.every(_LOOK_EVERY_S, self._timers, first_s=11.0)

    def send(self, notification: SentNotification) -> None:
        """Take one of Nova's notifications."""
        self._rabbitmq.append(notification)
        self._time.after(1.0, self.flow)

    def flow(self) -> None:
        """Carry on what can be carried on; to be called when a part is back, too."""
        if not (self.bridge and self.kafka):
            self._resumed_s = self._time.now_s
        while self.bridge and self.kafka and self._rabbitmq:
            notification = self._rabbitmq.popleft()
            self.started.add(notification.operation.global_request_id)
            self._log.append(notification)
        while self.processor and self.kafka and self.store and self._log:
            self._process(self._log.popleft())

    def operations(self) -> list[ObservedOperation]:
        """Return the open operations, and those that ended not long ago."""
        old_s = self._time.now_s - _KEEP_S
        for request_id, known in list(self._known.items()):
            if known.status in FINAL_STATUSES and known.last_event_s < old_s:
                del self._known[request_id]
        return [known.seen() for known in self._known.values()]

    def knows(self, operation: OperationModel) -> bool:
        """Return whether the store has an operation."""
        return operation.request_id in self._known

    def _beat(self) -> None:
        # As soon as the bridge consumes again, it says so; this one comes a minute later.
        if self.bridge and self.kafka and self._time.now_s - self._resumed_s >= _HEARTBEAT_S:
            self._log.append(self._time.now_s)
        self.flow()

    def _process(self, entry: SentNotification | float) -> None:
        if isinstance(entry, float):
            self.heartbeat_s = entry
            return
        operation = entry.operation
        known = self._known.get(operation.request_id)
        if known is None:
            known = KnownOperation(operation, self._uuids[operation.aggregate], self._time.now_s)
            self._known[operation.request_id] = known
        known.last_event_s = entry.at_s
        known.heartbeat_s = self._time.now_s
        if known.status == "stalled":
            known.status = "running"
        if entry.kind == "progress":
            known.reported[entry.host] = entry.cached
            self._report(known, entry.host, "cached" if entry.cached else "failed")
        elif entry.kind == "end":
            self._finish(known, "completed" if not operation.absent else "completed_with_errors")

    def _timers(self) -> None:
        if not (self.processor and self.kafka and self.store) or self._log:
            return
        for known in list(self._known.values()):
            quiet_s = self._time.now_s - known.heartbeat_s
            if known.status == "running" and quiet_s >= _STALL_AFTER_S:
                known.status = "stalled"
            elif known.status == "stalled" and quiet_s >= _ABANDON_AFTER_S:
                self._finish(known, "abandoned")

    def _finish(self, known: KnownOperation, status: str) -> None:
        known.status = status
        for host in known.model.hosts:
            if host not in known.reported:
                self._report(known, host, "silent")

    def _report(self, known: KnownOperation, host: str, result: str) -> None:
        reports = self.residency.setdefault((known.uuid, known.model.image), {})
        before = reports.get(host)
        touched_s = None if before is None else before.touched_s
        if result == "cached":
            touched_s = max(known.model.started_s, touched_s or 0.0)
            reports[host] = ObservedHostImage("cached", touched_s)
        elif result == "failed":
            reports[host] = ObservedHostImage("failed", touched_s)
        else:
            reports[host] = ObservedHostImage("silent", touched_s)
