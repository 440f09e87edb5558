"""Rows in an InfluxDB 2 bucket: what is too old is left out, what is refused is found by halving, all else written."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Event
from typing import Final

from precache.contract.progress import Progress
from precache.contract.tables.measurements import Row
from processor.stores.api import Numbered, RefusedRow, StoreRetry, WriteReport, numbered
from processor.stores.influxdb.client import InfluxClient
from processor.stores.influxdb.errors import BatchRefusedError, BatchTooLargeError
from processor.stores.influxdb.lineprotocol import Batch, batches
from processor.stores.influxdb.retention import Retention

_MAX_CHARS: Final = 16 * 1024 * 1024  # in one request, before compression
# While one request is answered the next is encoded and sent: with one at a time the server rests as long as we work.
REQUESTS_AT_ONCE: Final = 2
# What lies together in InfluxDB: it takes a third more points a second where those of a series stand side by side.
SERIES: Final = attrgetter("row.record.cloud", "row.record.aggregate_uuid", "row.record.host")


@dataclass(slots=True)
class _Outcome:
    refused: list[RefusedRow] = field(default_factory=list)
    dropped_old: int = 0


class InfluxStore:
    """A :class:`processor.stores.api.RowStore` over InfluxDB's HTTP API, with up to ``max_lines`` points in a request.

    Progress points go out in several requests at once: no two have the same tags and time, so their order is all one.
    All other rows go out in order.
    """

    def __init__(self, client: InfluxClient, max_lines: int) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="influxdb")
        self._max_lines = max_lines
        self._max_chars = _MAX_CHARS
        self._retention = Retention(client.retention_s)
        self._interrupted = Event()

    def check(self) -> None:
        """See :meth:`RowStore.check`: writes nothing, and learns how long the bucket keeps points."""
        # A server that wants a point in every request has by then found the bucket and taken the token.
        with suppress(BatchRefusedError):
            self._client.post(b"")
        self._retention.read()

    def write(self, rows: Sequence[Row]) -> WriteReport:
        """See :meth:`processor.stores.api.RowStore.write`."""
        outcome = _Outcome()
        self._interrupted.clear()
        self._retention.refresh()
        young = self._retention.kept(numbered(rows))
        outcome.dropped_old += len(rows) - len(young)
        points = [each for each in young if type(each.row.record) is Progress]
        points.sort(key=SERIES)
        self._write_points(points, outcome)
        for batch in self._batches([each for each in young if type(each.row.record) is not Progress], outcome):
            self._write(batch, outcome)
        return WriteReport(tuple(outcome.refused), outcome.dropped_old)

    def interrupt(self) -> None:
        """See :meth:`processor.stores.api.RowStore.interrupt`."""
        self._interrupted.set()

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        self._client.close()

    def _write_points(self, points: Sequence[Numbered], outcome: _Outcome) -> None:
        """Write batches side by side; once one fails, no other is begun, and none is under way afterwards."""
        outcomes = []
        writing = []
        try:
            for batch in self._batches(points, outcome):
                outcomes.append(_Outcome())
                writing.append(self._threads.submit(self._write, batch, outcomes[-1]))
            wait(writing, return_when=FIRST_EXCEPTION)
        finally:
            for waiting in writing:
                waiting.cancel()
            wait(writing)
        # Those that were not begun are reported as cancelled: of the others, the first that failed says why.
        for done in writing:
            if not done.cancelled():
                done.result()
        for one in outcomes:
            outcome.refused += one.refused
            outcome.dropped_old += one.dropped_old

    def _batches(self, rows: Sequence[Numbered], outcome: _Outcome) -> Iterator[Batch]:
        return batches(rows, max_lines=self._max_lines, max_chars=self._max_chars, refused=outcome.refused)

    def _write(self, batch: Batch, outcome: _Outcome) -> None:
        """Write a batch but for the rows that are refused: each is found in two requests a halving.

        Halves go in order, and again after a part of them was written: a point written twice is one point.
        """
        parts = [batch]
        while parts:
            if self._interrupted.is_set():
                raise StoreRetry("the write was given up between two requests")
            part = parts.pop()
            try:
                self._client.post(part.body())
            except BatchTooLargeError as error:
                parts += reversed(self._smaller(part, error, outcome))
            except BatchRefusedError as refusal:
                parts += reversed(self._narrowed(part, refusal, outcome))

    def _smaller(self, part: Batch, error: BatchTooLargeError, outcome: _Outcome) -> Sequence[Batch]:
        if len(part) == 1:
            outcome.refused.append(RefusedRow(*part.rows[0], str(error)))
            return ()
        self._max_chars = min(self._max_chars, max(part.chars // 2, 1))  # later batches need not find it out again
        return part.halves()

    def _narrowed(self, part: Batch, refusal: BatchRefusedError, outcome: _Outcome) -> Sequence[Batch]:
        if refusal.too_old:
            self._retention.refresh(in_doubt=True)
            young = self._retention.kept(part.rows)
            if len(young) < len(part):
                outcome.dropped_old += len(part) - len(young)
                return (part.only(young),) if young else ()
        if len(part) > 1 and refusal.dropped < len(part):
            # What is refused for one reason lies together in time: older than some point, or in one shard.
            return part.by_time().halves()
        if refusal.too_old:
            outcome.dropped_old += len(part)
        else:
            outcome.refused += [RefusedRow(*each, str(refusal)) for each in part.rows]
        return ()
