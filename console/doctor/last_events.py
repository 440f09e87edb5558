"""What ``nova.notifications`` shows of each cloud: when Nova sent something last, and when its bridge did. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from console.doctor.findings import Finding, ok, warn
from console.watch.show.lines import duration
from precache.contract.identity import SEPARATOR
from precache.contract.topics import NOVA_TYPE_PREFIX

# A cached image is purged a day after it was last asked for: who relies on it asks more often.
MUTE_S: Final = 86_400.0
# A bridge writes a heartbeat each minute.
_SILENT_BRIDGE_S: Final = 180.0
_MS_PER_S: Final = 1_000


@dataclass(slots=True)
class CloudEvents:
    """What was read of one cloud, from the newest record backwards. Times are milliseconds since the epoch.

    Attributes:
        notification_ms: when its last notification was written.
        heartbeat_ms: when its bridge's last heartbeat was.
        message_ms: the heartbeat by which a message had last come from the queue.
    """

    notification_ms: int | None = None
    heartbeat_ms: int | None = None
    message_ms: int | None = None
    _later: dict[str, tuple[int, int]] = field(default_factory=dict)

    def is_known(self, until_ms: int) -> bool:
        """Whether records that were written before a time add nothing."""
        times = (self.notification_ms, self.heartbeat_ms, self.message_ms)
        return all(at_ms is not None and at_ms >= until_ms for at_ms in times)

    def notification(self, written_ms: int) -> None:
        """Take a notification of Nova."""
        self.notification_ms = max(self.notification_ms or 0, written_ms)

    def heartbeat(self, value: bytes | None, written_ms: int) -> None:
        """Take a heartbeat of a bridge, the newer ones first: its count of messages shows when one came."""
        self.heartbeat_ms = max(self.heartbeat_ms or 0, written_ms)
        if self.message_ms is not None:
            return
        instance, received = _counted(value)
        later, later_ms = self._later.get(instance, (received, written_ms))
        # A bridge that was started anew counts from 0 again.
        if later > (received if received <= later else 0):
            self.message_ms = later_ms
        self._later[instance] = (received, written_ms)


def _counted(value: bytes | None) -> tuple[str, int]:
    try:
        heartbeat: Any = orjson.loads(value or b"")
        return str(heartbeat["instance"]), int(heartbeat["counts"]["received"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return "", 0


def cloud_of(key: bytes | None) -> str:
    """Return the cloud of a record, by its key."""
    return (key or b"").decode(errors="replace").partition(SEPARATOR)[0]


def is_nova(kind: Any) -> bool:
    """Return whether a ``ce_type`` is a notification's."""
    return isinstance(kind, bytes) and kind.startswith(NOVA_TYPE_PREFIX.encode())


def finding(name: str, cloud: CloudEvents, now_ms: int, nova_topic: str = "") -> Finding:
    """Return what there is to say of a cloud.

    Args:
        name: the cloud's.
        cloud: what was read.
        now_ms: the time.
        nova_topic: the topic of Nova's that its bridge reads; ``""`` where that is not known.
    """
    what = f"{name}: notifications"
    if cloud.heartbeat_ms is None:
        remedy = "start `precache bridge`, or see its log; do its file and this one name the same Kafka and topic?"
        return warn(what, "no heartbeat of a bridge is in Kafka", remedy)
    last_heard = (
        f"last notification of image caching: {_ago(cloud.notification_ms, now_ms)}; "
        f"last message of the queue: {_ago(cloud.message_ms, now_ms)}"
    )
    if now_ms - cloud.heartbeat_ms > _SILENT_BRIDGE_S * _MS_PER_S:
        text = f"the bridge's last heartbeat: {_ago(cloud.heartbeat_ms, now_ms)}; {last_heard}"
        return warn(what, text, "start `precache bridge`, or see its log and its /readyz")
    if now_ms - max(cloud.notification_ms or 0, cloud.message_ms or 0) > MUTE_S * _MS_PER_S:
        return warn(what, last_heard, _nova_conf(nova_topic))
    return ok(what, last_heard)


def _ago(at_ms: int | None, now_ms: int) -> str:
    if at_ms is None:
        return "none that Kafka still has"
    return f"{duration(max(0, now_ms - at_ms) / _MS_PER_S)} ago"


def _nova_conf(nova_topic: str) -> str:
    topic = f"contains {nova_topic}" if nova_topic else "contains the `topic` of the bridge's file"
    return (
        "if images were pre-cached meanwhile, Nova is mute. In nova.conf of nova-conductor: [notifications] "
        f"notification_format = versioned (or both), versioned_notifications_topics {topic}; "
        "[oslo_messaging_notifications] driver = messagingv2, and transport_url, if set, names this RabbitMQ. "
        "Then restart nova-conductor"
    )
