"""What a source reads: Nova's exchange and topic, and the queue that is bound to them."""

from dataclasses import dataclass
from typing import Final

# Nova's default in [notifications] versioned_notifications_topics.
SHARED_TOPIC: Final = "versioned_notifications"
# What nova.notifications publishes with, always: the last part of the routing key.
PRIORITY: Final = "info"


@dataclass(frozen=True, slots=True)
class Listening:
    """What to read.

    Attributes:
        exchange: Nova's.
        topic: Nova's notification topic: the first part of the routing key.
        pool: the name of a queue of the bridge's own; ``""`` to read the topic's.
        prefetch: how many messages may be unacknowledged.
        is_own: the pool's queue belongs to this connection alone, and goes with it.
    """

    exchange: str
    topic: str
    pool: str
    prefetch: int
    is_own: bool = False

    @property
    def routing_key(self) -> str:
        """Return the routing key under which Nova publishes; also the name of the topic's queue."""
        return f"{self.topic}.{PRIORITY}"

    @property
    def queue(self) -> str:
        """Return the name of the queue that is read."""
        return self.pool or self.routing_key
