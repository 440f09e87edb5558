"""What ``${NAME}`` becomes inside of a URL: the variable holds the plain text, and it is percent-encoded in its place.

So a password may hold any character, and needs no encoding by whoever sets the variable. Pure.
"""

import re
from typing import Final
from urllib.parse import quote

VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]*://", re.ASCII)
_AFTER_AUTHORITY: Final = re.compile(r"[/?#]")


def in_place(template: str, start: int, end: int, value: str) -> str:
    """Return a variable's value as it has to stand in a text: percent-encoded where the text is a URL.

    Where a scheme or a host stands, the value is taken as it is: it may be a whole address. What is all that stands
    before an ``@`` may be ``USER:PASSWORD``: its first colon stays.

    Args:
        template: the text, its variables not yet filled in.
        start: where the variable's ``${`` begins.
        end: where its ``}`` ends.
        value: what the variable holds.
    """
    shape = VARIABLE.sub(lambda match: "x" * len(match[0]), template)
    scheme = _SCHEME.match(shape)
    if scheme is None or start < scheme.end() - len("://"):
        return value
    found = _AFTER_AUTHORITY.search(shape, scheme.end())
    authority_end = found.start() if found else len(shape)
    if start < authority_end:
        host_end = shape.find(",", end, authority_end)
        if "@" not in shape[end : host_end if host_end >= 0 else authority_end]:
            return value
        is_whole = shape[start - 1] in "/," and shape[end] == "@"
        return ":".join(quote(part, safe="") for part in value.split(":", 1 if is_whole else 0))
    return quote(value, safe="" if "?" in shape[authority_end:start] else "/")
