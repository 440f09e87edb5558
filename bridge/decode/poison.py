"""The one exception for a message that can't be forwarded."""


class Poison(Exception):
    """A message that no retry will make readable.

    Attributes:
        reason: a fixed word of :mod:`bridge.decode.reasons`.
        detail: what is wrong and where, for a person; never a value that could be a secret.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
