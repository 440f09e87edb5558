"""Where notifications come from: one small interface, the same for every transport."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Delivery(NamedTuple):
    """One message, not yet acknowledged.

    ``tag`` counts from 1 on each opening of the source. ``properties`` are as they stood on the wire, for
    :meth:`Source.properties` to read; equal bytes mean equal properties.
    """

    tag: int
    body: bytes
    properties: bytes


class SourceError(Exception):
    """The source can't be read now.

    Attributes:
        what: what is wrong.
        remedy: what to do; ``""`` where nothing is to be done.
        actionable: somebody must act, or it does not pass.
    """

    actionable = False

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}: {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy


class SourceLost(SourceError):
    """The connection broke, or could not be made: try again. What was not acknowledged comes again."""


class SourceWaiting(SourceError):
    """What is to be read does not exist yet: look again in a while."""


class SourceRefused(SourceError):
    """RabbitMQ refuses: credentials, permissions, or a queue that is declared otherwise. Tried again as an error."""

    actionable = True


class MessageSource(Protocol):
    """One cloud's queue. Used by one thread.

    The order of calls is ``open``, then ``receive`` and ``ack`` in any order, then ``release`` or ``close``; after
    ``release`` or a :class:`SourceError`, ``open`` again.
    """

    @property
    def queue(self) -> str:
        """The name of what is read."""
        ...

    @property
    def saturated_at(self) -> int:
        """From how many unacknowledged messages on it is acknowledgements that bring more."""
        ...

    @property
    def trouble(self) -> str:
        """What is wrong although the source is open, such as an exchange that is gone; ``""`` when all is well."""
        ...

    def open(self, *, singly: bool = False) -> None:
        """Connect, look up what is to be read, and begin to consume. Tags begin at 1.

        Args:
            singly: take no further message before the last one is acknowledged.

        Raises:
            SourceError: it can't be read now.
        """
        ...

    def receive(self, timeout_s: float) -> Sequence[Delivery]:
        """Return what came, in order; wait for it if there is nothing. Keeps the connection alive meanwhile.

        Raises:
            SourceError: the connection is lost; no tag of it may be used any more.
        """
        ...

    def throttle(self, *, on: bool) -> None:
        """Stop taking more from the network, or go on; the connection stays alive."""
        ...

    def ack(self, tag: int, *, multiple: bool) -> None:
        """Acknowledge a delivery, or all up to it. Sent with the next ``receive`` or ``serve``.

        Raises:
            SourceError: as of ``receive``.
        """
        ...

    def cancel(self) -> None:
        """Ask for no more messages; those on their way still come through ``receive``.

        Raises:
            SourceError: as of ``receive``.
        """
        ...

    @property
    def cancelled(self) -> bool:
        """Whether nothing more will come after ``cancel``."""
        ...

    def serve(self, timeout_s: float) -> None:
        """Keep the connection alive for that long without consuming, if there is one.

        Raises:
            SourceError: as of ``receive``.
        """
        ...

    def release(self) -> None:
        """Stop consuming: requeue, once, what is not acknowledged, but keep the connection.

        Raises:
            SourceError: as of ``receive``.
        """
        ...

    def close(self) -> None:
        """Send the acknowledgements that are due, and disconnect. Never raises."""
        ...

    def properties(self, raw: bytes) -> dict[str, Any]:
        """Return a delivery's properties, as JSON can hold them."""
        ...
