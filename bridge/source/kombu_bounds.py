"""Bounds what kombu, through which oslo.messaging reads RabbitMQ, makes of a compressed message."""

from functools import partial
from typing import Any

from bridge.decode import compression


def bound_decompression() -> None:
    """Have kombu unpack no message to more than 16 MB, and only what the bridge itself can unpack; for the process.

    Such a message then counts as one that kombu can't unpack: oslo.messaging rejects it, with a line in its log.
    """
    from kombu import compression as untyped  # noqa: PLC0415 - comes with oslo.messaging, which takes a second

    kombu: Any = untyped
    for content_type in kombu.encoders():
        encoder, _ = kombu.get_encoder(content_type)
        kombu.register(encoder, partial(_unpacked, content_type), content_type)


def _unpacked(content_type: str, body: Any) -> bytes:
    open_ = compression.opener({"headers": {"compression": content_type}})
    if open_ is None:
        raise ValueError("not compressed")
    return compression.opened(bytes(body), open_, compression.MOST_BODY_BYTES)
