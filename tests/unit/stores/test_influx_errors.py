"""Every error that InfluxDB, its client and urllib3 know is told apart, and its text says what to do."""

import json
from http import HTTPStatus
from typing import Any

import pytest
import urllib3.exceptions
from influxdb_client.rest import ApiException

from processor.stores.api import StoreFatal, StoreRetry
from processor.stores.influxdb.errors import (
    EXCEPTIONS,
    STATUSES,
    BatchRefusedError,
    BatchTooLargeError,
    ErrorAction,
    WriteTarget,
    decide,
    expected,
)

TARGET = WriteTarget("http://influx:8086", "my org", "pre cache")

CONFLICT = (
    "failure writing points to database: partial write: field type conflict: input field "
    '"percent" on measurement "precache_progress" is type float, already exists as type integer dropped=2'
)
TOO_OLD = (
    "failure writing points to database: partial write: dropped 5 points outside retention policy of duration 1h0m0s - "
    "oldest point m at 2026-11-22T08:16:02Z dropped because it violates a Retention Policy Lower Bound at ..."
)

NEW_TOKEN = (
    "`store.token` may not write to bucket 'pre cache': make one by `influx auth create --org 'my org' "
    "--read-bucket ID --write-bucket ID`, the ID as in `influx bucket list --org 'my org' --name 'pre cache'`"
)
NOT_INFLUX = "this is not what InfluxDB 2 answers to a write: see that `store.url` is its address"


class Answer:
    """An HTTP response as influxdb-client hands it to its exception."""

    def __init__(self, status: int, body: str, **headers: str) -> None:
        self.status = status
        self.reason = "Reason"
        self.data = body
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def getheaders(self) -> dict[str, str]:
        return self._headers

    def getheader(self, name: str) -> str | None:
        return self._headers.get(name)


def _api_error(**values: Any) -> ApiException:
    return ApiException(**values)  # type: ignore[no-untyped-call]


def answered(status: int, message: str = "", code: str = "some code", **headers: str) -> Exception:
    body = json.dumps({"code": code, "message": message}) if code else message
    return decide(_api_error(http_resp=Answer(status, body, **headers)), TARGET)


def test_every_status_is_decided() -> None:
    statuses = {int(status) for status in HTTPStatus if status >= HTTPStatus.MULTIPLE_CHOICES}
    for status in statuses:
        assert isinstance(answered(status, "x"), StoreRetry | BatchRefusedError | BatchTooLargeError)
    for status in statuses - STATUSES.keys():
        assert answered(status, "x").actionable  # type: ignore[attr-defined]


def urllib3_exceptions() -> list[type[Exception]]:
    named = vars(urllib3.exceptions).values()
    return [
        each
        for each in named
        if isinstance(each, type)
        and issubclass(each, Exception)
        and not issubclass(each, Warning)
        and each.__module__ == "urllib3.exceptions"
        and each is not urllib3.exceptions.HTTPError
    ]


@pytest.mark.parametrize("kind", urllib3_exceptions())
def test_every_exception_of_urllib3_is_decided(kind: type[Exception]) -> None:
    assert any(base in EXCEPTIONS for base in kind.__mro__)
    assert issubclass(kind, expected())
    made = kind.__new__(kind)
    made.args = ("what it says",)
    vars(made).update(partial=1, expected=2, length=b"x", response=None)  # what the words of some are made from
    assert isinstance(decide(made, TARGET), StoreRetry | StoreFatal)


def test_the_walk_over_urllib3_finds_them() -> None:
    assert {urllib3.exceptions.NewConnectionError, urllib3.exceptions.ReadTimeoutError} < set(urllib3_exceptions())


def test_an_exception_that_is_new_is_tried_again_as_an_error() -> None:
    class NewError(urllib3.exceptions.HTTPError):
        pass

    decided = decide(NewError("hm"), TARGET)
    assert isinstance(decided, StoreRetry)
    assert decided.actionable
    assert str(decided) == (
        "InfluxDB at http://influx:8086 can't be reached: NewError: hm: see that it runs and that `store.url` is right"
    )


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_passes_by_itself_is_quiet_and_hears_retry_after(status: int) -> None:
    decided = answered(status, "timeout", **{"Retry-After": "17"})
    assert isinstance(decided, StoreRetry)
    assert (decided.actionable, decided.retry_after_s) == (False, 17.0)
    assert str(decided) == f"InfluxDB at http://influx:8086 can't write now: {status} timeout"


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "", "-1", "1.5", "²"])
def test_a_retry_after_that_is_no_number_is_none(value: str) -> None:
    decided = answered(503, "x", **{"Retry-After": value})
    assert isinstance(decided, StoreRetry)
    assert decided.retry_after_s is None


@pytest.mark.parametrize(
    ("status", "code", "message", "advice"),
    [
        (
            401,
            "unauthorized",
            "unauthorized access",
            NEW_TOKEN,
        ),
        (
            403,
            "forbidden",
            "insufficient permissions for write",
            NEW_TOKEN,
        ),
        (
            404,
            "not found",
            'bucket "pre cache" not found',
            "set `store.bucket`, or make it by `influx bucket create --org 'my org' --name 'pre cache'`",
        ),
        (
            404,
            "not found",
            'organization name "my org" not found',
            "set `store.org`, or make it by `influx org create --name 'my org'`",
        ),
        (
            404,
            "",
            "<h1>Not\nFound</h1>",
            "this is not what InfluxDB 2 answers to a write: see that `store.url` is its address",
        ),
        (301, "", "", "this is not what InfluxDB 2 answers to a write: see that `store.url` is its address"),
        (401, "", "Proxy login", "this is not what InfluxDB 2 answers to a write: see that `store.url` is its address"),
        # Not about any point: from a proxy, or about the request. No row may be refused for it.
        (400, "", "The plain HTTP request was sent to HTTPS port", NOT_INFLUX),
        (400, "invalid", "invalid header field", NOT_INFLUX),
        (422, "", "<html>", NOT_INFLUX),
    ],
)
def test_where_somebody_has_to_act_it_is_actionable_and_says_what_to_do(
    status: int, code: str, message: str, advice: str
) -> None:
    decided = answered(status, message, code)
    assert isinstance(decided, StoreRetry)
    assert decided.actionable
    said = " ".join(message.split()) or "Reason"
    assert str(decided).startswith(f"InfluxDB at http://influx:8086 answers {status} {said}: {advice}")


def test_a_tls_error_names_the_ca_file() -> None:
    decided = decide(_api_error(status=0, reason="SSLError\ncertificate verify failed"), TARGET)
    assert isinstance(decided, StoreRetry)
    assert decided.actionable
    assert "certificate verify failed" in str(decided)
    assert "`store.ca_file`" in str(decided)


@pytest.mark.parametrize(
    ("status", "message", "dropped", "too_old"),
    [
        (422, CONFLICT, 2, False),
        (422, TOO_OLD, 5, True),
        (422, "partial write: points beyond retention policy dropped=3", 3, True),
        (422, "something else", 0, False),
        (400, "unable to parse 'm g=nan 7': invalid number", 0, False),
        # Nothing was written: what a 400 counts is not all that is not there.
        (400, "partial write: 3 of 5 dropped=3", 0, False),
    ],
)
def test_refused_points_are_reported_from_refused_requests(
    status: int, message: str, dropped: int, *, too_old: bool
) -> None:
    decided = answered(status, message, "invalid")
    assert isinstance(decided, BatchRefusedError)
    assert (decided.dropped, decided.too_old) == (dropped, too_old)
    assert str(decided) == message


def test_a_request_too_large_is_to_be_halved() -> None:
    assert isinstance(answered(413, "<html>413 Request Entity Too Large</html>", ""), BatchTooLargeError)


def test_a_long_answer_is_cut() -> None:
    assert len(str(answered(422, "unable to parse " + "x" * 10_000))) < 600


@pytest.mark.parametrize(
    ("error", "kind", "actionable"),
    [
        (urllib3.exceptions.ConnectTimeoutError("slow"), StoreRetry, False),
        (urllib3.exceptions.ProtocolError("Connection aborted."), StoreRetry, False),
        (urllib3.exceptions.SSLError("bad"), StoreRetry, True),
        (urllib3.exceptions.LocationParseError("http://["), StoreFatal, None),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), StoreRetry, True),
    ],
)
def test_network_errors(error: Exception, kind: type[Exception], *, actionable: bool | None) -> None:
    decided = decide(error, TARGET)
    assert type(decided) is kind
    assert getattr(decided, "actionable", None) is actionable


def test_decisions_are_all_in_use() -> None:
    used: set[Any] = {*STATUSES.values(), *EXCEPTIONS.values()}
    assert used == set(ErrorAction)
