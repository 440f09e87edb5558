"""A dead letter as a person looks at it: from a record's headers and bytes to texts. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from console.cli.texts import escaped_json, printable
from precache.contract import deadletters
from precache.contract.times import rfc3339_ms

_COLUMNS: Final = ("place", "time", "cloud", "reason", "replayed", "origin", "detail")
_WIDEST_CHARS: Final = 60


@dataclass(frozen=True, slots=True)
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

    @property
    def place(self) -> str:
        """Return ``PARTITION/OFFSET``."""
        return f"{self.partition}/{self.offset}"

    @property
    def time(self) -> str:
        """Return when it was received, else when it was written: RFC 3339."""
        return self.headers.get(deadletters.RECEIVED_AT) or rfc3339_ms(self.written_ms)

    @property
    def cloud(self) -> str:
        """Return the cloud's name; ``""`` when it could not be told."""
        return self.headers.get(deadletters.CLOUD, "")

    @property
    def reason(self) -> str:
        """Return the fixed word."""
        return self.headers.get(deadletters.REASON, "")

    @property
    def replay_of(self) -> str:
        """Return the place of the dead letter whose replay this record tells; ``""``: it is a dead letter itself."""
        return self.headers.get(deadletters.REPLAYED, "")

    def as_object(self) -> dict[str, Any]:
        """Return the letter as JSON has it."""
        return {
            "partition": self.partition,
            "offset": self.offset,
            "time": self.time,
            "cloud": self.cloud,
            "reason": self.reason,
            "replayed": self.replayed,
            "origin": self.headers.get(deadletters.ORIGIN, ""),
            "detail": self.headers.get(deadletters.DETAIL, ""),
            "size": self.size,
        }


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


def table(letters: Sequence[Letter], *, cut: bool) -> list[list[str]]:
    """Return rows for a person, the head first; ``cut``: long texts are shortened, for a terminal."""
    rows = [list(_COLUMNS)]
    for letter in letters:
        told = letter.as_object()
        rows.append([letter.place, *(_cell(str(told[name]), cut=cut) for name in _COLUMNS[1:])])
    return rows


def pretty(body: bytes) -> str:
    """Return a body for a terminal: JSON set in lines, other text as it is; what could command it is escaped."""
    try:
        return escaped_json(orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode())
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return printable(body.decode(errors="backslashreplace"), keep="\n\t")


def _cell(text: str, *, cut: bool) -> str:
    text = printable(" ".join(text.split()))
    return text if not cut or len(text) <= _WIDEST_CHARS else text[: _WIDEST_CHARS - 1] + "…"
