"""Messages made to cost as much as they can: small ones that unpack to much, and large ones that are slow to read."""

import bz2
import json
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.decode import reasons
from precache.contract.deadletters import MAX_BYTES
from tests.support.poisons import JSON, envelope, progress

FORWARDED: Final = "forwarded"
SECRET: Final = "hunter2"
# What a bridge looks into at most, and a little less.
_NEARLY: Final = 1_990_000
_ID: Final = str(progress()["message_id"]).encode()


@dataclass(frozen=True)
class Bomb:
    """One kind: what becomes of it is a reason of the dead letters, or :data:`FORWARDED`."""

    outcome: str
    body: bytes
    headers: Mapping[str, Any] | None = None
    pack: Callable[[bytes], bytes] | None = None

    def message(self) -> tuple[str, bytes, dict[str, Any]]:
        """Make one: an id of its own, which its dead letter or its record bears; the body; its properties."""
        own = str(uuid.uuid4())
        body = self.body.replace(_ID, own.encode()) if self.outcome == FORWARDED else self.body
        properties = JSON | {"content_type": f"application/json; id={own}", "headers": self.headers}
        return own, body if self.pack is None else self.pack(body), properties


def _filled(unit: str, size: int = _NEARLY) -> str:
    return unit * (size // len(unit))


def _with_index(value: str) -> bytes:
    """A notification with a value in the place of an integer, without any escape: it is read to its end."""
    return envelope(json.dumps(progress()).replace('"index": 3', f'"index": {value}'))


def _extra(value: str) -> bytes:
    """A notification that is right, and has one more field."""
    return envelope(json.dumps(progress()).replace('"index": 3', f'"index": 3, "more": {value}'))


def _listed(unit: str, size: int) -> str:
    return "[" + _filled(unit, size)[:-1] + "]"


def _cut() -> bytes:
    """Secrets with a name and without one on each side of where a dead letter is cut, and across it."""
    secrets = f'{{"auth_token": "{SECRET}"}} amqp://nova:{SECRET * 20}@host gAAAAA{SECRET * 20} '
    return ("x" * (MAX_BYTES - len(secrets) // 2) + secrets + _filled(secrets, 1_000_000)).encode()


def _kinds() -> dict[str, Bomb]:
    packed = {"compression": "bz2"}
    zipped = {"compression": "gzip"}
    words = _filled('"token').encode()
    many = ",".join(f'"{number:x}": 0' for number in range(100_000))
    return {
        "bz2-of-16-mb-of-words": Bomb(reasons.TOO_LARGE, bz2.compress(words * 8), packed),
        "bz2-of-2-mb-of-words": Bomb(reasons.NOT_JSON, bz2.compress(words), packed),
        "gzip-of-256-mb": Bomb(reasons.TOO_LARGE, zlib.compress(b"\0" * 268_435_456), zipped),
        "gzip-of-gzip": Bomb(reasons.NOT_UTF8, zlib.compress(zlib.compress(b" " * 67_108_864)), zipped),
        "floats": Bomb(reasons.PAYLOAD_FIELD, zlib.compress(_with_index(_listed("1.50,", 740_000))), zipped),
        "floats-of-16-mb": Bomb(reasons.TOO_LARGE, zlib.compress(_with_index(_listed("1.50,", 16_000_000))), zipped),
        "floats-to-be-forwarded": Bomb(
            FORWARDED, _extra(_listed("0.1234567890123450000,", 900_000)), zipped, lambda body: zlib.compress(body, 1)
        ),
        "lists": Bomb(reasons.TOO_LARGE, zlib.compress(_with_index(_listed("[],", _NEARLY - 9_000))), zipped),
        "nested": Bomb(reasons.TOO_DEEP, _with_index("[" * 50_000 + "]" * 50_000)),
        "escapes": Bomb(
            reasons.PAYLOAD_FIELD, zlib.compress(_with_index(f'"{_filled(chr(92) + "u0041", 1_600_000)}"')), zipped
        ),
        "keys": Bomb(
            reasons.PAYLOAD_FIELD,
            zlib.compress(_with_index(f"{{{many}, {chr(34)}{chr(92)}u0041{chr(34)}: 0}}")),
            zipped,
        ),
        "digits": Bomb(reasons.NOT_JSON, _with_index(_filled("9", 1_900_000))),
        "headers": Bomb(reasons.NOT_JSON, b"x", {f"{number:x}": None for number in range(14_000)}),
        "headers-of-words": Bomb(reasons.NOT_JSON, b"x", {"a": _filled('"token', 100_000)}),
        "quotes-for-the-mask": Bomb(reasons.NOT_JSON, ('"token": "' + _filled("\\" * 7 + '"')).encode()),
        "brackets-for-the-mask": Bomb(reasons.NOT_JSON, b'"secret": ' + b'["",' * 40_000),
        "zeros-for-the-mask": Bomb(reasons.NOT_JSON, _filled("\0t\0o\0k\0e\0n").encode()),
        "secrets-at-the-cut": Bomb(reasons.NOT_JSON, _cut()),
        "10-mb": Bomb(reasons.TOO_LARGE, _filled('"token', 10_000_000).encode()),
    }


KINDS: Final = _kinds()
