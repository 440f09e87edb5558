"""InfluxDB, asked cheaply: InfluxQL where Flux would cost the server several times as much, and its own metrics."""

import http.client
import json
from typing import Any, Final
from urllib.parse import quote, urlsplit

from bench.child import ChildError
from tests.services.testing import Bucket

_OK_POINTS: Final = b"storage_writer_ok_points_sum{"
_TIMEOUT_S: Final = 120.0


class Influx:
    """One bucket, over one connection that stays open."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._connection = http.client.HTTPConnection(urlsplit(bucket.url).netloc, timeout=_TIMEOUT_S)
        self._points_before = self._points()

    def _get(self, path: str) -> bytes:
        try:
            answer, text = self._ask(path)
        except http.client.RemoteDisconnected:
            # The server closes a connection that was not used for three minutes; the next request opens another.
            answer, text = self._ask(path)
        if answer.status != http.client.OK:
            raise ChildError(f"InfluxDB answers {path} with {answer.status}: {text[:500].decode(errors='replace')}")
        return text

    def _ask(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request("GET", path, headers={"Authorization": f"Token {self._bucket.token}"})
        answer = self._connection.getresponse()
        return answer, answer.read()

    def _points(self) -> int:
        lines = self._get("/metrics").splitlines()
        return sum(int(float(line.rsplit(b" ", 1)[1])) for line in lines if line.startswith(_OK_POINTS))

    def points_written(self) -> int:
        """Return how many points the server took since this was made, into any bucket: from its own counters."""
        return self._points() - self._points_before

    def rows(self, query: str) -> list[list[Any]]:
        """Return the rows of all series that a query finds; times in nanoseconds."""
        text = self._get(f"/query?db={quote(self._bucket.name)}&epoch=ns&q={quote(query)}")
        found = json.loads(text)["results"][0]
        if "error" in found:
            raise ChildError(f"{query}: {found['error']}")
        return [row for series in found.get("series", []) for row in series["values"]]

    def number(self, query: str) -> float:
        """Return the number that a query finds; 0 when it finds nothing."""
        rows = self.rows(query)
        return float(rows[0][1]) if rows else 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
