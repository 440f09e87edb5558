"""What the errors of InfluxDB, of its client and of the HTTP client below mean for the rows: the only place that knows.

Answers as InfluxDB 2.7 gives them: 422 after writing part of the points, 400 after writing none of them; the text of a
422 names one kind of trouble only, even when points were dropped for several.
"""

import json
import re
import shlex
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

from influxdb_client.rest import ApiException
from urllib3 import exceptions as http

from processor.stores.api import StoreFatal, StoreRetry


class BatchTooLargeError(Exception):
    """413: send fewer rows at a time."""


class BatchRefusedError(Exception):
    """400 or 422: some rows of the batch can't be written; the others were (422) or were not (400).

    Attributes:
        dropped: for how many rows the server says so, at least; 0 when it does not say.
        too_old: the reason it names is the bucket's retention.
    """

    def __init__(self, text: str, *, dropped: int, too_old: bool) -> None:
        super().__init__(text)
        self.dropped = dropped
        self.too_old = too_old


class ErrorAction(Enum):
    """What follows from an error."""

    RETRY = "it will pass by itself"
    ACTIONABLE = "it will pass when somebody acts"
    ERROR = "waiting will not help"
    HALVE = "send fewer rows at a time"
    BISECT = "some rows are refused: find them"


# By HTTP status; any other one passes when somebody acts: a proxy, a token, an address.
STATUSES: Final[dict[int, ErrorAction]] = {
    **dict.fromkeys((400, 422), ErrorAction.BISECT),
    413: ErrorAction.HALVE,
    **dict.fromkeys((408, 425, 429, 500, 502, 503, 504, 506, 507, 508), ErrorAction.RETRY),
}

# By class, the nearest in the method resolution order; the root of them all is left out, so that a new one is noticed.
EXCEPTIONS: Final[dict[type[Exception], ErrorAction]] = {
    http.TimeoutError: ErrorAction.RETRY,  # NewConnectionError and NameResolutionError too
    http.ConnectionError: ErrorAction.RETRY,
    http.ProtocolError: ErrorAction.RETRY,
    http.PoolError: ErrorAction.RETRY,
    http.ResponseError: ErrorAction.RETRY,
    http.IncompleteRead: ErrorAction.RETRY,
    http.InvalidChunkLength: ErrorAction.RETRY,
    http.DecodeError: ErrorAction.RETRY,
    http.InvalidHeader: ErrorAction.RETRY,
    http.HeaderParsingError: ErrorAction.RETRY,
    http.BodyNotHttplibCompatible: ErrorAction.RETRY,
    http.UnrewindableBodyError: ErrorAction.RETRY,
    http.TimeoutStateError: ErrorAction.ERROR,
    http.SSLError: ErrorAction.ACTIONABLE,
    http.ProxyError: ErrorAction.ACTIONABLE,
    http.LocationValueError: ErrorAction.ERROR,
    http.ProxySchemeUnsupported: ErrorAction.ERROR,
    UnicodeDecodeError: ErrorAction.ACTIONABLE,  # an answer that is no text: not from InfluxDB
}

# "... dropped=2" and "dropped 2 points outside retention policy ..."
_DROPPED: Final = re.compile(r"dropped[ =](\d+)")
_TOO_OLD: Final = re.compile(r"(?:outside|beyond) retention policy")
# What a 400 says when it is about the points; another 400 is about the request, and not because of the rows.
_ABOUT_POINTS: Final = re.compile(r"unable to parse|partial write")
_MAX_QUOTE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Where it was to be written, for the texts."""

    url: str
    org: str
    bucket: str


def expected() -> tuple[type[Exception], ...]:
    """Return the exceptions that :func:`decide` takes: whatever a request may raise but for our own bugs."""
    return (ApiException, http.HTTPError, http.ProxySchemeUnsupported, UnicodeDecodeError)


def decide(error: Exception, target: WriteTarget) -> Exception:
    """Return what an error means, to be raised in its place.

    Returns:
        StoreRetry, StoreFatal, BatchTooLargeError or BatchRefusedError.
    """
    if isinstance(error, ApiException):
        return _from_answer(error, target)
    decision = next((EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS), ErrorAction.ACTIONABLE)
    answer = f"InfluxDB at {target.url} can't be reached: {type(error).__name__}: {_quote(str(error))}"
    text = f"{answer}: see that it runs and that `store.url` is right"
    if decision is ErrorAction.ERROR:
        return StoreFatal(text)
    return StoreRetry(text, actionable=decision is ErrorAction.ACTIONABLE)


def _from_answer(error: ApiException, target: WriteTarget) -> Exception:
    status = error.status or 0
    code, message = _answer(error)
    match STATUSES.get(status, ErrorAction.ACTIONABLE):
        case ErrorAction.HALVE:
            return BatchTooLargeError(f"InfluxDB at {target.url}, or a proxy before it, finds the request too large")
        case ErrorAction.BISECT if code and (
            status == HTTPStatus.UNPROCESSABLE_ENTITY or _ABOUT_POINTS.search(message)
        ):
            found = _DROPPED.search(message)
            dropped = int(found[1]) if found and status == HTTPStatus.UNPROCESSABLE_ENTITY else 0
            return BatchRefusedError(_quote(message), dropped=dropped, too_old=bool(_TOO_OLD.search(message)))
        case ErrorAction.RETRY:
            text = f"InfluxDB at {target.url} can't write now: {status} {_quote(message)}"
            return StoreRetry(text, retry_after_s=_seconds(error.retry_after))
        case _:
            return StoreRetry(_what_to_do(status, code, _quote(message), target), actionable=True)


def _what_to_do(status: int, code: str, message: str, target: WriteTarget) -> str:
    org, bucket = shlex.quote(target.org), shlex.quote(target.bucket)
    answer = f"InfluxDB at {target.url} answers {status} {message}"
    if status == 0:
        return f"{answer}: see that its certificate fits `store.url`, or name its authority's file in `store.ca_file`"
    if status in {401, 403} and code:
        return (
            f"{answer}: `store.token` may not write to bucket {bucket}: make one by `influx auth create --org {org} "
            f"--read-bucket ID --write-bucket ID`, the ID as in `influx bucket list --org {org} --name {bucket}`"
        )
    if status == HTTPStatus.NOT_FOUND and code and message.startswith("organization"):
        return f"{answer}: set `store.org`, or make it by `influx org create --name {org}`"
    if status == HTTPStatus.NOT_FOUND and code:
        return f"{answer}: set `store.bucket`, or make it by `influx bucket create --org {org} --name {bucket}`"
    return f"{answer}: this is not what InfluxDB 2 answers to a write: see that `store.url` is its address"


def _answer(error: ApiException) -> tuple[str, str]:
    """Return InfluxDB's own code and message; the code is empty for an answer that is not InfluxDB's."""
    try:
        answer = json.loads(error.body or "")
        return str(answer["code"]), str(answer["message"])
    except (ValueError, TypeError, KeyError):
        return "", str(error.body or error.reason or "")


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_QUOTE_CHARS else line[:_MAX_QUOTE_CHARS] + "..."


def _seconds(retry_after: str | None) -> float | None:
    # The other form, a date, is as good as none: the caller has a backoff of its own.
    return float(retry_after) if retry_after and retry_after.isdecimal() and retry_after.isascii() else None
