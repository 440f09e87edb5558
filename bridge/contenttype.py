"""What a message says of its own form: content type, content encoding, compression."""

from collections.abc import Mapping
from typing import Any, Final

from bridge import reasons
from bridge.poison import Poison

_JSON: Final = "application/json"
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


def check(properties: Mapping[str, Any]) -> Poison | None:
    """Return why a body with these AMQP properties can't be read; ``None`` when nothing speaks against it.

    Properties that are not set say nothing: the body itself is looked at then.
    """
    content_type = str(properties.get("content_type") or _JSON)
    if content_type.partition(";")[0].strip().lower() != _JSON:
        return Poison(reasons.CONTENT_TYPE, f"content type {content_type[:80]!r}, not {_JSON}")
    encoding = str(properties.get("content_encoding") or "utf-8")
    if encoding.lower() not in _UTF8:
        return Poison(reasons.CONTENT_ENCODING, f"content encoding {encoding[:80]!r}, not utf-8")
    headers = properties.get("headers")
    compression = headers.get("compression") if isinstance(headers, Mapping) else None
    if compression:
        return Poison(
            reasons.CONTENT_ENCODING,
            f"compressed ({str(compression)[:80]}): unset kombu_compression in Nova's [oslo_messaging_rabbit]",
        )
    return None
