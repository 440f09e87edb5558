"""Messages that can't be forwarded, made from a real notification, with the reason that each dead letter must have."""

import copy
import json
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.decode import reasons
from tests.support import captures

JSON: Final = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2, "priority": 0}
# In every one of them, so that a test can see that it is masked everywhere.
TOKEN: Final = "gAAAAABhunter2hunter2hunter2hunter2"


@dataclass(frozen=True)
class PoisonMessage:
    reason: str
    body: bytes
    properties: dict[str, Any] = field(default_factory=lambda: dict(JSON))


def progress() -> dict[str, Any]:
    """A progress notification with a token in its context."""
    return captures.read(captures.BLOG)[3].message() | {"_context_auth_token": TOKEN}


def envelope(message: Any, **more: Any) -> bytes:
    text = message if isinstance(message, str) else json.dumps(message)
    return json.dumps({"oslo.version": "2.0", "oslo.message": text} | more).encode()


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    message = copy.deepcopy(progress())
    change(message)
    return envelope(message)


def data(message: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = message["payload"]["nova_object.data"]
    return found


def _flat_text() -> str:
    return json.dumps(progress())


def _kinds() -> dict[str, PoisonMessage]:
    good, text = envelope(progress()), _flat_text()
    kinds = {
        "empty-body": PoisonMessage(reasons.EMPTY_BODY, b""),
        "blank-body": PoisonMessage(reasons.NOT_JSON, b"  \n"),
        "not-json": PoisonMessage(reasons.NOT_JSON, b"auth_token: " + TOKEN.encode()),
        "cut-short": PoisonMessage(reasons.NOT_JSON, good[:-40]),
        "trailing-bytes": PoisonMessage(reasons.NOT_JSON, good + b"{}"),
        "python-repr": PoisonMessage(reasons.NOT_JSON, repr(progress()).encode()),
        "inner-not-json": PoisonMessage(reasons.NOT_JSON, envelope("nothing " + text)),
        "nan": PoisonMessage(reasons.NOT_JSON, envelope(text.replace('"index": 3', '"index": NaN'))),
        "infinity": PoisonMessage(reasons.NOT_JSON, envelope(text.replace('"index": 3', '"index": -Infinity'))),
        "lone-surrogate": PoisonMessage(reasons.NOT_JSON, envelope(text.replace("guaranine", "\\ud800"))),
        "not-utf8": PoisonMessage(reasons.NOT_UTF8, good.replace(b"guaranine", b"guaran\xffne")),
        "utf16": PoisonMessage(reasons.NOT_UTF8, good.decode().encode("utf-16")),
        "too-deep": PoisonMessage(reasons.TOO_DEEP, envelope("[" * 100_000 + "]" * 100_000)),
        "deep-payload": PoisonMessage(
            reasons.TOO_DEEP, envelope(text.replace('"index": 3', '"index": ' + "[" * 300 + "]" * 300))
        ),
        "duplicate-key": PoisonMessage(
            reasons.DUPLICATE_KEY, envelope(text.replace('"index": 3', '"index": 3, "index": 4'))
        ),
        "duplicate-message": PoisonMessage(
            reasons.DUPLICATE_KEY, good[:-1] + b', "oslo.message": ' + json.dumps(text).encode() + b"}"
        ),
        "huge-integer": PoisonMessage(reasons.NUMBER, envelope(text.replace('"index": 3', '"index": ' + "9" * 40))),
        "long-fraction": PoisonMessage(
            reasons.NUMBER, envelope(text.replace('"index": 3', '"index": 0.12345678901234567890123'))
        ),
        "a-list": PoisonMessage(reasons.NOT_AN_OBJECT, b"[1, 2]"),
        "a-string": PoisonMessage(reasons.NOT_AN_OBJECT, json.dumps(text).encode()),
        "inner-list": PoisonMessage(reasons.NOT_AN_OBJECT, envelope("[]")),
        "message-is-object": PoisonMessage(
            reasons.ENVELOPE, json.dumps({"oslo.version": "2.0", "oslo.message": progress()}).encode()
        ),
        "message-missing": PoisonMessage(reasons.ENVELOPE, b'{"oslo.version": "2.0"}'),
        "version-3": PoisonMessage(reasons.ENVELOPE_VERSION, good.replace(b'"2.0"', b'"3.0"')),
        "version-number": PoisonMessage(reasons.ENVELOPE_VERSION, good.replace(b'"2.0"', b"2.0")),
        "content-type": PoisonMessage(reasons.CONTENT_TYPE, good, JSON | {"content_type": "text/plain"}),
        "pickle": PoisonMessage(reasons.CONTENT_TYPE, good, JSON | {"content_type": "application/x-python-serialize"}),
        "content-encoding": PoisonMessage(reasons.CONTENT_ENCODING, good, JSON | {"content_encoding": "latin-1"}),
        "unknown-compression": PoisonMessage(
            reasons.CONTENT_ENCODING, lzma.compress(good), JSON | {"headers": {"compression": "application/x-lzmax"}}
        ),
        "broken-compression": PoisonMessage(
            reasons.CONTENT_ENCODING, good, JSON | {"headers": {"compression": "application/x-gzip"}}
        ),
        "compressed-poison": PoisonMessage(
            reasons.MISSING_FIELD,
            zlib.compress(changed(lambda m: m.pop("message_id"))),
            JSON | {"headers": {"compression": "application/x-gzip"}},
        ),
        "30-megabytes": PoisonMessage(reasons.TOO_LARGE, envelope(progress(), padding="x" * 30_000_000)),
        "too-large-for-kafka": PoisonMessage(
            reasons.TOO_LARGE, changed(lambda m: data(m).update(images_cached=["i" * 36] * 30_000))
        ),
    }
    return kinds | _wrong_fields() | _wrong_payloads()


def _wrong_fields() -> dict[str, PoisonMessage]:
    kinds = {}
    for name in ("event_type", "message_id", "publisher_id", "timestamp"):
        wrong: dict[str, Any] = {"number": 7, "list": ["x"], "object": {}, "boolean": True}
        for what, value in wrong.items():
            body = changed(lambda m, name=name, value=value: m.update({name: value}))  # type: ignore[misc]
            kinds[f"{name}-{what}"] = PoisonMessage(reasons.FIELD_TYPE, body)
        missing: dict[str, Any] = {"null": None, "empty": ""}
        for what, value in missing.items():
            body = changed(lambda m, name=name, value=value: m.update({name: value}))  # type: ignore[misc]
            kinds[f"{name}-{what}"] = PoisonMessage(reasons.MISSING_FIELD, body)
        kinds[f"{name}-missing"] = PoisonMessage(
            reasons.MISSING_FIELD,
            changed(lambda m, name=name: m.pop(name)),  # type: ignore[misc]
        )
    kinds["timestamp-words"] = PoisonMessage(reasons.TIMESTAMP, changed(lambda m: m.update(timestamp="yesterday")))
    kinds["message_id-long"] = PoisonMessage(reasons.FIELD_TYPE, changed(lambda m: m.update(message_id="x" * 300)))
    kinds["request_id-number"] = PoisonMessage(reasons.FIELD_TYPE, changed(lambda m: m.update(_context_request_id=12)))
    kinds["project_id-object"] = PoisonMessage(
        reasons.FIELD_TYPE, changed(lambda m: m.update(_context_project_id={"id": "x"}))
    )
    return kinds


def _wrong_payloads() -> dict[str, PoisonMessage]:
    payloads = {
        "payload-missing": (reasons.MISSING_FIELD, changed(lambda m: m.pop("payload"))),
        "payload-null": (reasons.MISSING_FIELD, changed(lambda m: m.update(payload=None))),
        "payload-string": (reasons.FIELD_TYPE, changed(lambda m: m.update(payload="x"))),
        "payload-unversioned": (reasons.NOT_VERSIONED, changed(lambda m: m.update(payload={"name": "x"}))),
        "payload-no-version": (reasons.NOT_VERSIONED, changed(lambda m: m["payload"].pop("nova_object.version"))),
        "payload-no-name": (reasons.NOT_VERSIONED, changed(lambda m: m["payload"].pop("nova_object.name"))),
        "payload-data-list": (reasons.NOT_VERSIONED, changed(lambda m: m["payload"].update({"nova_object.data": []}))),
        "payload-2.0": (
            reasons.PAYLOAD_VERSION,
            changed(lambda m: m["payload"].update({"nova_object.version": "2.0"})),
        ),
        "uuid-missing": (reasons.PAYLOAD_FIELD, changed(lambda m: data(m).pop("uuid"))),
    }
    wrong: dict[str, Any] = {
        "uuid": 5,
        "name": None,
        "host": ["a"],
        "images_cached": "none",
        "images_failed": [1],
        "index": "3",
        "total": 95.0,
        "id": "1",
    }
    for name, value in wrong.items():
        body = changed(lambda m, name=name, value=value: data(m).update({name: value}))  # type: ignore[misc]
        payloads[f"{name}-wrong"] = (reasons.PAYLOAD_FIELD, body)
    payloads["index-boolean"] = (reasons.PAYLOAD_FIELD, changed(lambda m: data(m).update(index=True)))
    return {name: PoisonMessage(reason, body) for name, (reason, body) in payloads.items()}


KINDS: Final = _kinds()
