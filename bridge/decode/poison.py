"""The one exception for a message that can't be forwarded."""

from collections.abc import Collection


class Poison(Exception):
    """A message that no retry will make readable.

    Attributes:
        reason: a fixed word of :mod:`bridge.decode.reasons`.
        detail: what is wrong and where, for a person; never a value that could be a secret.
        topics: those that refused it, or had not taken it yet when one refused it; empty: it was sent to none.
    """

    def __init__(self, reason: str, detail: str, topics: Collection[str] = ()) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.topics = topics
