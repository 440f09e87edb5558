"""Which deliveries of one channel may be acknowledged. Pure.

RabbitMQ numbers the deliveries of a channel 1, 2, 3 and so on. Kafka's delivery reports come in any order, since
partitions are independent. One frame can acknowledge all deliveries up to a tag, so the contiguous prefix of settled
tags goes in one; only when its head has waited for long are the settled ones beyond it acknowledged one by one, so
that a stuck head does not fill the prefetch.
"""


class AckTracker:
    """The deliveries of one channel, by tag. Each channel has a tracker of its own."""

    def __init__(self) -> None:
        self._head = 1  # the lowest tag that is not settled
        self._settled_beyond: set[int] = set()
        self._acked_singly: set[int] = set()
        self._ackable = 0  # the highest tag of the prefix that still has to be acknowledged; 0: none
        self._last = 0

    @property
    def head(self) -> int:
        """The lowest tag that is not settled: of the deliveries so far, or the next one."""
        return self._head

    @property
    def unsettled(self) -> int:
        """How many deliveries are not settled."""
        return self._last - (self._head - 1) - len(self._settled_beyond)

    def received(self, last: int, count: int = 1) -> None:
        """Note deliveries, of which ``last`` is the last tag; tags come in order without gaps.

        Raises:
            ValueError: these are not the next tags of this channel.
        """
        if last != self._last + count:
            raise ValueError(f"delivery tag {last} after {self._last} and {count} more: not of this channel")
        self._last = last

    def unreceived(self, count: int) -> None:
        """Note that the last deliveries are not looked at yet after all: they are noted again as received later."""
        self._last -= count

    def settle(self, tag: int) -> None:
        """Note that nothing more is to be done for a delivery but to acknowledge it.

        Raises:
            ValueError: the tag was not received, or is settled already.
        """
        if tag == self._head and tag <= self._last:
            self._pass(tag)
            if self._settled_beyond:
                self._advance()
        elif self._head < tag <= self._last and tag not in self._settled_beyond:
            self._settled_beyond.add(tag)
        else:
            raise ValueError(f"delivery tag {tag} is not waiting")

    def _advance(self) -> None:
        while self._head in self._settled_beyond:
            self._settled_beyond.remove(self._head)
            self._pass(self._head)

    def _pass(self, tag: int) -> None:
        self._head = tag + 1
        if tag in self._acked_singly:
            self._acked_singly.remove(tag)
        else:
            # RabbitMQ refuses a multiple ack of a tag that is not outstanding: one that was acked singly must not name
            # it.
            self._ackable = tag

    def take_prefix(self) -> int:
        """Return the tag up to which to acknowledge in one frame (``multiple``), once; 0 when there is none."""
        tag, self._ackable = self._ackable, 0
        return tag

    def take_singles(self) -> list[int]:
        """Return the settled tags beyond the head, each once: they are to be acknowledged one by one."""
        tags = sorted(self._settled_beyond - self._acked_singly)
        self._acked_singly.update(tags)
        return tags
