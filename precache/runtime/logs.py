"""Structured logs on stderr: events by name with fields, JSON lines in a pipe, readable on a terminal.

Other libraries' records (oslo.messaging, pika, urllib3) come out in the same form, from WARNING on. Secrets are masked
in every event, by the names of fields and inside of texts.
"""

import json
import logging
import sys
from typing import Any, Final, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from precache.runtime.masking import mask_value

Format = Literal["auto", "console", "json"]
Level = Literal["debug", "info", "warning", "error"]

_LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class _Stderr:
    """The process's stderr at each moment. A log that cannot be written must not stop what it is about."""

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            return


def quiet() -> None:
    """Write errors alone, to stderr: what holds until a command sets its logs up. stdout is for answers."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )


def configure(fmt: Format = "auto", level: Level = "info") -> None:
    """Set up the logs of the whole process; may be called again.

    Args:
        fmt: ``auto`` is ``console`` on a terminal, ``json`` else.
        level: the least level that is written. Other libraries' records are written from WARNING on in any case but
            ``error``.
    """
    console = fmt == "console" or (fmt == "auto" and sys.stderr.isatty())
    shared = _shared_processors()
    renderers = _renderers(console=console)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, _LEVELS[level]))
    logging.captureWarnings(True)


def _shared_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Plain tracebacks: those with local variables would show secrets.
        structlog.processors.format_exc_info,
        mask_secrets,
    ]


def _renderers(*, console: bool) -> list[Processor]:
    if console:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [_in_reading_order, structlog.processors.JSONRenderer(serializer=_to_json)]


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets in an event's fields; a processor of structlog."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = mask_value(value, key)
    return event


def _in_reading_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return {**first, **event}


def _to_json(event: Any, **_options: Any) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # A lone surrogate or a number beyond 64 bits: what came off a wire must not stop who logs it.
        return json.dumps(event, default=str, skipkeys=True)


if not structlog.is_configured():
    quiet()
