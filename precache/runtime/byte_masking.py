r"""Credentials out of bodies that go to the dead letters: byte-wise, since such a body may be no JSON and no text.

Works in flat JSON, in JSON inside of JSON at any depth of escaping (``\"auth_token\": \"...\"``), in Python's ``repr``
and in UTF-16. Rather too much is masked than too little: a value whose end can't be found is masked to the body's end.

The time is in proportion to the length, whatever the body: no pattern backtracks, and none looks further
than a few hundred bytes ahead of a word.
"""

import re
from typing import Final

MASK: Final = b"***"

# Looked for in the body in small letters, in half the time that ignoring the case takes.
_WORD: Final = re.compile(
    rb"token|passw(?:or)?d|passphrase|admin[_-]?pass|user[_-]?data|secret|credential|service[_-]?catalog"
    rb"|api[_-]?key|private[_-]?key|authorization"
)
# The rest of a quoted key with such a word in it, and the colon: `\\" : `. Group 1 is the quote with its escapes.
_REST_OF_KEY: Final = re.compile(rb"[^\"'\\]{0,200}+(\\{0,127}+[\"'])\s{0,50}+[:=]\s{0,50}+")
# password=..., X-Auth-Token: ... outside of quotes.
_REST_OF_BARE: Final = re.compile(rb"[\w-]{0,40}+\s{0,20}+[=:]\s{0,20}+(?=[^\s\"'\\,;&{}\[\]])")
_BARE_VALUE: Final = re.compile(rb"[^\s\"'\\,;&{}\[\]]*")
# Keystone's Fernet tokens, wherever they stand.
_FERNET: Final = re.compile(rb"gAAAAA[A-Za-z0-9_=-]{20,}")
# scheme://user:password@host
_USERINFO: Final = re.compile(rb"(://[^\s/:@\"'\\]{0,200}+:)[^\s/@\"'\\]{1,400}+@")
_TOKEN_END: Final = re.compile(rb"[\s,}\])]")
_OPENING: Final = (b"[", b"{", b"(")
_BRACKETS: Final = {mark: re.compile(rb"[\[\](){}" + mark + rb"]") for mark in (b'"', b"'")}
_NOTHING: Final = frozenset({b"null", b"None", b"[]", b"{}"})
_BACKSLASH: Final = 0x5C
# No secret that is known by its form is longer: a URL's userinfo with "://" and "@", the prefix of a Fernet token.
_LONGEST_UNNAMED: Final = 1024


def mask(body: bytes) -> bytes:
    """Return the body with the values of credentials replaced by ``***``; the same object when there are none."""
    if b"\x00" in body:
        # UTF-16 or -32: the letters stand between zeros. What is masked is kept without them.
        narrow = body.replace(b"\x00", b"")
        masked = mask(narrow)
        return body if masked == narrow else masked
    masked = _mask_named(body)
    masked = _FERNET.sub(MASK, masked)
    return _USERINFO.sub(rb"\1" + MASK + b"@", masked)


def mask_beginning(body: bytes, most: int) -> bytes:
    """Return the masked beginning of a body, at most about ``most`` bytes: no more than that is looked at.

    A secret that the cut goes through does not show. One with a name is masked to the end, as its end can't be found.
    For one without a name, that is known by its form, some more is looked at than is returned.
    """
    if len(body) <= most:
        return mask(body)
    return mask(body[: most + _LONGEST_UNNAMED])[:-_LONGEST_UNNAMED]


def _mask_named(body: bytes) -> bytes:
    """Mask the values whose names say that they are credentials."""
    pieces: list[bytes] = []
    done = 0
    small = body.lower()
    found = _WORD.search(small)
    while found is not None:
        place = _value_of_key(body, found.end()) or _value_of_bare(body, found.end())
        if place is None:
            found = _WORD.search(small, found.end())
            continue
        start, end, quote = place
        if body[start:end] not in _NOTHING:
            pieces += (body[done:start], quote, MASK, quote)
            done = end
        found = _WORD.search(small, max(end, found.end()))
    if not done:
        return body
    pieces.append(body[done:])
    return b"".join(pieces)


def _value_of_key(body: bytes, at: int) -> tuple[int, int, bytes] | None:
    """Return where the value of a quoted key begins and ends, and its quote; ``at`` is inside of the key."""
    rest = _REST_OF_KEY.match(body, at)
    if rest is None:
        return None
    return rest.end(), _value_end(body, rest.end(), rest.group(1)), rest.group(1)


def _value_of_bare(body: bytes, at: int) -> tuple[int, int, bytes] | None:
    rest = _REST_OF_BARE.match(body, at)
    if rest is None:
        return None
    value = _BARE_VALUE.match(body, rest.end())
    return None if value is None else (value.start(), value.end(), b"")


def _value_end(body: bytes, start: int, quote: bytes) -> int:
    """Return where the value that begins at ``start`` ends; ``quote`` is how strings begin and end at its level."""
    if body.startswith(quote, start):
        return _string_end(body, start + len(quote), quote)
    if body[start : start + 1] in _OPENING:
        return _bracket_end(body, start, quote)
    if body[start : start + 1] in (b'"', b"'", b"\\"):
        return len(body)  # a string of another level: where it ends is unknown
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
    depth, at = 0, start
    while True:
        found = _BRACKETS[mark].search(body, at)
        if found is None:
            return len(body)
        at = found.end()
        if found.group() == mark:
            if _escapes_before(body, found.start()) < level:
                return found.start() - _escapes_before(body, found.start())
            at = _string_end(body, at, quote)
        elif found.group() in _OPENING:
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
