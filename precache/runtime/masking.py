"""Secrets out of texts: what stands before the ``@`` of a URL, and what follows ``password=`` and the like."""

import re
from typing import Any, Final

MASK: Final = "***"
# A URL, or "user:secret@host" where its "//" was forgotten or mistyped.
_WITH_USERINFO: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>[^\s\"'<>]*)|[^\s:/@\"']+:[^\s:/@\"'][^\s@\"']*@(?=[\w\[])"
)
_WORDS: Final = r"(?:password|passwd|passphrase|secret|token|authorization|api[_-]?key)"
_ASSIGNED: Final = re.compile(rf"(?i)({_WORDS}[\"']?\s*[=:]\s*[\"']?(?:(?:token|bearer|basic)\s+)?+)([^\s\"',;&*]+)")
_SECRET_KEY: Final = re.compile(rf"(?i)(?:{_WORDS}|credentials?|private_key|key\.pem)$")


def mask_text(text: str) -> str:
    """Return the text with the credentials of URLs and the values of ``password=``, ``token:`` and the like masked."""
    if "@" in text:
        text = _WITH_USERINFO.sub(_mask_userinfo, text)
    if "=" in text or ":" in text:
        text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
    return text


def _mask_userinfo(match: re.Match[str]) -> str:
    scheme = match["scheme"]
    return f"{MASK}@" if scheme is None else scheme + _mask_authorities(match["rest"])


def _mask_authorities(rest: str) -> str:
    """Mask what stands before each ``@``: a transport URL may name several hosts, each with its own credentials."""
    if "@" not in rest:
        return rest
    parts = rest.split(",")
    last = max(index for index, part in enumerate(parts) if "@" in part)
    if all("@" in part for part in parts[:last]):
        return ",".join(f"{MASK}@{part.rpartition('@')[2]}" if "@" in part else part for part in parts)
    # A part without '@' before one with it: a comma inside a password. Too much masked is better than too little.
    return f"{MASK}@{rest.rpartition('@')[2]}"


def is_secret_key(key: str) -> bool:
    """Return whether a value under this key is a secret, going by the key's name."""
    return _SECRET_KEY.search(key) is not None


def mask_value(value: Any, key: str = "") -> Any:
    """Return a value of any JSON shape with secrets masked, by their keys and inside of texts."""
    if key and value and is_secret_key(key) and not isinstance(value, bool | int | float):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {name: mask_value(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value(item) for item in value]
    if isinstance(value, BaseException):
        return mask_text(f"{type(value).__name__}: {value}")
    return value
