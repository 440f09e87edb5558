"""Global request ids: chosen by whoever asks Nova, and carried by every notification of the operation."""

import re
from typing import Final
from uuid import uuid4

# Nova takes no other form. Source: oslo.middleware's request_id and keystoneauth's `global_request_id`.
_FORM: Final = re.compile(r"req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_global_request_id() -> str:
    """Return a global request id that nobody has used: ``req-`` and a random UUID in lower case."""
    return f"req-{uuid4()}"


def is_global_request_id(text: str) -> bool:
    """Return whether a text has the form of a global request id; an operation's id has two separators."""
    return _FORM.fullmatch(text) is not None
