"""Texts that came from elsewhere, for a terminal: what could rewrite or command it is escaped. Pure."""

from typing import Any

import orjson


def printable(text: str, keep: str = "") -> str:
    r"""Return a text with its control and other unprintable characters escaped, as ``\x1b``; those in ``keep`` stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def json_line(value: Any) -> str:
    """Return a value as one line of JSON; characters that a terminal could obey are escaped as JSON has it."""
    return escaped_json(orjson.dumps(value).decode())


def escaped_json(text: str) -> str:
    r"""Return JSON with each unprintable character outside of its line breaks escaped: they stand in strings alone."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 error``, ``2 errors``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
