"""A dead letter as a person looks at it: from a record's headers and bytes to texts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import orjson

from console.cli.output.formats import Column
from console.cli.output.texts import escaped_json, printable
from precache.contract.deadletters import DeadLetterHeaders, read_headers
from precache.contract.times import rfc3339_ms


@dataclass(frozen=True)
class Letter:
    """One record of ``precache.deadletters``.

    Attributes:
        partition, offset: where it lies: its name for ``deadletters show``.
        written_ms: the record's timestamp, milliseconds since the epoch.
        size: of the body, in bytes.
        headers: as text.
        replayed: when it was last replayed, RFC 3339; ``""``: never, or not looked at.
    """

    partition: int
    offset: int
    written_ms: int
    size: int
    headers: Mapping[str, str]
    replayed: str = ""

    @cached_property
    def ours(self) -> DeadLetterHeaders:
        """Those of the headers that say what is wrong."""
        return read_headers(self.headers)

    @property
    def place(self) -> str:
        """Return ``PARTITION/OFFSET``."""
        return f"{self.partition}/{self.offset}"

    @property
    def time(self) -> str:
        """Return when it was received, else when it was written: RFC 3339."""
        return self.ours.received_at or rfc3339_ms(self.written_ms)

    @property
    def cloud(self) -> str:
        """Return the cloud's name; ``""`` when it could not be known."""
        return self.ours.cloud or ""

    @property
    def reason(self) -> str:
        """Return the fixed word."""
        return self.ours.reason or ""

    @property
    def replay_of(self) -> str:
        """Return the place of the dead letter whose replay this record notes; ``""``: it is a dead letter itself."""
        return self.ours.replayed or ""


LETTERS: Final[tuple[Column[Letter], ...]] = (
    Column("place", lambda each: each.place),
    Column("time", lambda each: each.time),
    Column("cloud", lambda each: each.cloud),
    Column("reason", lambda each: each.reason),
    Column("replayed", lambda each: each.replayed),
    Column("origin", lambda each: each.ours.origin or "", is_long=True),
    Column("detail", lambda each: each.ours.detail or "", is_long=True),
    Column("partition", lambda each: each.partition, is_wide=True),
    Column("offset", lambda each: each.offset, is_wide=True),
    Column("size", lambda each: each.size, is_wide=True),
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are wanted; an empty text matches everything."""

    cloud: str = ""
    reason: str = ""

    def __call__(self, letter: Letter) -> bool:
        """Return whether a letter is wanted."""
        return self.cloud in {"", letter.cloud} and self.reason in {"", letter.reason}


def text_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Return a record's headers as text; what is no UTF-8 is escaped."""
    return {name: (value or b"").decode(errors="backslashreplace") for name, value in headers}


def pretty(body: bytes) -> str:
    """Return a body for a terminal: JSON set in lines, other text as it is; what could command it is escaped."""
    try:
        return escaped_json(orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode())
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return printable(body.decode(errors="backslashreplace"), keep="\n\t")
