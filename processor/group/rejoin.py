"""Replaces a group client that does not come back.

librdkafka may lose the group's coordinator for good: after a pause of the only broker, say, which then says for a
moment that the cluster has no brokers. Its consumer is a member no more, says nothing, and never joins again. So when
we are no member, and the coordinator answers others and does not know us, the client is replaced.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

from precache.kafka.errors import KafkaCallError
from precache.kafka.groups import GroupMembers
from precache.runtime.logs import log
from processor.group.membership import Membership

# A client that is well joins within this time, or is known to the coordinator while others keep it waiting.
_ASK_AFTER_S: Final = 3.0
_ASK_EVERY_S: Final = 3.0
_UNKNOWN_FOR_S: Final = 6.0


class Rejoin:
    """Looks after one membership. For one thread.

    Args:
        membership: whose client it is.
        members: the group's, as the coordinator lists them.
        own: the client's ``client.id``.
        call_s: how long the coordinator may take to answer.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        membership: Membership,
        members: GroupMembers,
        own: str,
        call_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._membership = membership
        self._members = members
        self._own = own
        self._call_s = call_s
        self._clock = clock
        # When to ask next, and since when the coordinator does not know us; None: we are a member, or it does.
        self._ask_at_s: float | None = None
        self._unknown_since_s: float | None = None

    def check(self) -> None:
        """Replace the client if it does not come back; between rounds."""
        now_s = self._clock()
        if self._membership.is_member:
            self._ask_at_s = self._unknown_since_s = None
        elif self._ask_at_s is None:
            self._ask_at_s = now_s + _ASK_AFTER_S
        elif now_s >= self._ask_at_s:
            self._ask_at_s = now_s + _ASK_EVERY_S
            self._ask(now_s)

    def _ask(self, now_s: float) -> None:
        try:
            is_known = self._own in self._members.read(self._call_s)
        except KafkaCallError:
            # Kafka is away: no client can join, and none is to blame.
            self._members.forget()
            self._unknown_since_s = None
            return
        if is_known:
            self._unknown_since_s = None
        elif self._unknown_since_s is None:
            self._unknown_since_s = now_s
        elif now_s - self._unknown_since_s >= _UNKNOWN_FOR_S:
            log.error("processor.group_client_replaced", why="it does not join the group, whose coordinator answers")
            self._ask_at_s = self._unknown_since_s = None
            self._membership.renew()
