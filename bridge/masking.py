r"""Credentials out of bodies that go to the dead letters: byte-wise, since such a body may be no JSON and no text.

Works in flat JSON, in JSON inside of JSON at any depth of escaping (``\"auth_token\": \"...\"``), in Python's ``repr``
and in UTF-16. Rather too much is masked than too little: a value whose end can't be found is masked to the body's end.
"""

import re
from typing import Final

MASK: Final = b"***"

_SECRET_KEY: Final = (
    rb"(?:auth[_-]?token|token|passw(?:or)?d|passphrase|admin[_-]?pass|user[_-]?data|secret|credential|service[_-]?catalog(?:ue)?|"
    rb"api[_-]?key|private[_-]?key|authorization|signature)"
)
# A quoted name with such a word in it, and the colon: `\\"_context_auth_token\\" : `. Group 1 is the quote with its
# escapes.
_KEY: Final = re.compile(rb"(?i)(\\*[\"'])[^\"'\\]{0,200}" + _SECRET_KEY + rb"[^\"'\\]{0,200}\1\s*[:=]\s*")
# Keystone's Fernet tokens, wherever they stand.
_FERNET: Final = re.compile(rb"gAAAAA[A-Za-z0-9_=-]{20,}")
# password=..., X-Auth-Token: ... outside of quotes.
_BARE: Final = re.compile(rb"(?i)(" + _SECRET_KEY + rb"[\w-]{0,40}\s*[=:]\s*)([^\s\"'\\,;&{}\[\]]+)")
# scheme://user:password@host
_USERINFO: Final = re.compile(rb"(://[^\s/:@\"'\\]{0,200}:)[^\s/@\"'\\]{1,400}@")
_BACKSLASH: Final = 0x5C
_TOKEN_END: Final = re.compile(rb"[\s,}\])]|\Z")


def mask(body: bytes) -> bytes:
    """Return the body with the values of credentials replaced by ``***``; the same object when there are none."""
    if b"\x00" in body and _is_wide(body):
        # UTF-16 or -32: the letters stand between zeros. What is masked is kept without them.
        narrow = body.replace(b"\x00", b"")
        masked = mask(narrow)
        return body if masked == narrow else masked
    masked = _mask_keys(body)
    masked = _FERNET.sub(MASK, masked)
    masked = _BARE.sub(rb"\1" + MASK, masked)
    return _USERINFO.sub(rb"\1" + MASK + b"@", masked)


def _is_wide(body: bytes) -> bool:
    return re.search(_SECRET_KEY, body.replace(b"\x00", b""), re.IGNORECASE) is not None


def _mask_keys(body: bytes) -> bytes:
    pieces: list[bytes] = []
    done = 0
    found = _KEY.search(body)
    while found is not None:
        start = found.end()
        end = _value_end(body, start, found.group(1))
        if body[start:end] in {b"null", b"None", b"[]", b"{}"}:
            pieces.append(body[done:end])
        else:
            quote = found.group(1) if body.startswith(found.group(1), start) else b'"'
            pieces += (body[done:start], quote, MASK, quote)
        done = end
        found = _KEY.search(body, end)
    if not done:
        return body
    pieces.append(body[done:])
    return b"".join(pieces)


def _value_end(body: bytes, start: int, quote: bytes) -> int:
    """Return where the value that begins at ``start`` ends; ``quote`` is how strings begin and end at its level."""
    if body.startswith(quote, start):
        return _string_end(body, start + len(quote), quote)
    if start < len(body) and body[start : start + 1] in (b"[", b"{", b"("):
        return _bracket_end(body, start, quote)
    if body[start : start + 1] in (b'"', b"'", b"\\"):
        return len(body)  # a string of another level: no telling where it ends
    found = _TOKEN_END.search(body, start)
    return found.start() if found is not None else len(body)


def _string_end(body: bytes, at: int, quote: bytes) -> int:
    """Return the position after the closing quote; a quote with more escapes before it is inside of the string."""
    mark, level = quote[-1:], len(quote) - 1
    while True:
        at = body.find(mark, at)
        if at < 0:
            return len(body)
        escapes = _escapes_before(body, at)
        if escapes <= level:
            # Fewer escapes: the string around this one ends here, so this one was never closed.
            return at + 1 if escapes == level else at - escapes
        at += 1


def _bracket_end(body: bytes, start: int, quote: bytes) -> int:
    mark, level = quote[-1:], len(quote) - 1
    interesting = re.compile(rb"[\[\](){}" + re.escape(mark) + rb"]")
    depth, at = 0, start
    while True:
        found = interesting.search(body, at)
        if found is None:
            return len(body)
        at = found.end()
        if found.group() == mark:
            if _escapes_before(body, found.start()) < level:
                return found.start() - _escapes_before(body, found.start())
            at = _string_end(body, at, quote)
        elif found.group() in (b"[", b"{", b"("):
            depth += 1
        else:
            depth -= 1
            if depth <= 0:
                return at


def _escapes_before(body: bytes, at: int) -> int:
    count = 0
    while at - count > 0 and body[at - count - 1] == _BACKSLASH:
        count += 1
    return count
