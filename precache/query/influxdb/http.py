"""InfluxQL over HTTP: one request, its rows as they come, and the errors of the transport and of InfluxDB as ours.

The standard library's client: the command starts in a fraction of the time that influxdb-client takes to be imported.
As the processor's client, it uses no proxy, and follows no redirect, which would take the token elsewhere.
"""

import json
import shlex
import ssl
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
)

import orjson

from precache.config.store import InfluxStoreConfig
from precache.query.api import QueryError

# This many rows at a time are in memory, here and in InfluxDB.
_CHUNK_ROWS: Final = 5_000
_MAX_QUOTE_CHARS: Final = 500
_EXPECTED: Final = (HTTPException, OSError, ValueError)  # HTTPError, URLError, TimeoutError and SSLError are OSErrors


class Influx:
    """One bucket."""

    def __init__(self, config: InfluxStoreConfig) -> None:
        self._config = config
        self._opener = OpenerDirector()
        context = ssl.create_default_context(cafile=None if config.ca_file is None else str(config.ca_file))
        for handler in (HTTPHandler(), HTTPSHandler(context=context), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
            self._opener.add_handler(handler)

    def rows(self, query: str) -> Iterator[tuple[list[str], list[list[Any]]]]:
        """Yield the answer to one query in pieces: the columns and some rows; times are nanoseconds.

        Raises:
            QueryError: InfluxDB can't be reached, or refuses.
        """
        try:
            with self._open(query) as answer:
                for line in answer:
                    yield from self._series(line)
        except _EXPECTED as error:
            raise self._error(error) from error

    def _open(self, query: str) -> HTTPResponse:
        database, _, policy = self._config.bucket.partition("/")
        # InfluxDB maps a bucket's name to these, see https://docs.influxdata.com/influxdb/v2/query-data/influxql/dbrp/
        parameters = {"db": database, "rp": policy or "autogen", "org": self._config.org, "q": query, "epoch": "ns"}
        parameters |= {"chunked": "true", "chunk_size": str(_CHUNK_ROWS)}
        request = Request(  # noqa: S310 - the configuration takes http and https alone
            f"{self._config.url}/query",
            data=urlencode(parameters).encode(),
            headers={"Authorization": f"Token {self._config.token.get_secret_value()}"},
        )
        answer: HTTPResponse = self._opener.open(request, timeout=self._config.timeout)
        return answer

    def _series(self, line: bytes) -> Iterator[tuple[list[str], list[list[Any]]]]:
        if not line.strip():
            return
        answer = orjson.loads(line)
        for result in answer.get("results", [answer]):
            if "error" in result:
                raise QueryError(self._refused(str(result["error"])))
            for series in result.get("series", []):
                tags = series.get("tags", {})
                values = series.get("values", [])
                yield [*tags, *series["columns"]], [[*tags.values(), *row] for row in values] if tags else values

    def _error(self, error: Exception) -> QueryError:
        where = f"InfluxDB at {self._config.url}"
        if isinstance(error, HTTPError):
            return QueryError(self._answered(error.code, _message(error)))
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLError):
            advice = "see that its certificate fits `store.url`, or name its authority's file in `store.ca_file`"
            return QueryError(f"{where} can't be reached: {_quote(str(reason))}: {advice}")
        if isinstance(reason, TimeoutError):
            return QueryError(
                f"{where} gave no answer within {self._config.timeout:g} s: ask for less (--cloud, --since), "
                "or raise `store.timeout`"
            )
        said = _quote(str(reason)) or type(reason).__name__
        return QueryError(f"{where} can't be reached: {said}: see that it runs and that `store.url` is right")

    def _answered(self, status: int, message: str) -> str:
        said = f"InfluxDB at {self._config.url} answers {status} {message}"
        if status in {401, 403}:
            return f"{said}: `store.token` is not one of its tokens. {self._how_to_make_a_token()}"
        if 500 <= status < 600 or status in {408, 425, 429}:  # noqa: PLR2004 - HTTP's classes
            return f"{said}: try again"
        return f"{said}: this is not what InfluxDB 2 answers to a query: see that `store.url` is its address"

    def _refused(self, message: str) -> str:
        said = f"InfluxDB at {self._config.url} says: {_quote(message)}"
        if "not found" in message or "retention policy" in message:
            return (
                f"{said}: there is no bucket {shlex.quote(self._config.bucket)} in `store.org`, or `store.token` may "
                f"not read it. {self._how_to_make_a_token()}"
            )
        return f"{said}: try again, or report this"

    def _how_to_make_a_token(self) -> str:
        org, bucket = shlex.quote(self._config.org), shlex.quote(self._config.bucket)
        return (
            f"Make one: influx auth create --org {org} --read-bucket ID, "
            f"the ID as in: influx bucket list --org {org} --name {bucket}"
        )


def _message(error: HTTPError) -> str:
    body = error.read(10_000).decode(errors="replace")
    try:
        return _quote(str(json.loads(body)["message"]))
    except (ValueError, TypeError, KeyError):
        return _quote(body or str(error.reason))


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_QUOTE_CHARS else line[:_MAX_QUOTE_CHARS] + "..."
