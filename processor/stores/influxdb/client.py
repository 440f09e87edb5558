"""The few requests that the store makes, by influxdb-client; its errors leave here as ours.

The lower layer of that client is used (``WriteService``): its ``WriteApi`` compresses at gzip's level 9, three times
the cost of encoding.
"""

import gzip
from collections.abc import Callable
from typing import Any, Final, Protocol

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.service.buckets_service import BucketsService
from influxdb_client.service.write_service import WriteService

from precache.config.store import InfluxStoreConfig
from processor.stores.influxdb.errors import WriteTarget, decide, expected

# A twentieth of the bytes for a tenth of the time of level 9, which would make them a half smaller still.
_GZIP_LEVEL: Final = 1
_MS_PER_S: Final = 1_000


class InfluxClient(Protocol):
    """What the store needs of a server, from several threads at once.

    Each call is one request, and raises what ``influx_errors.decide`` returns.
    """

    def post(self, body: bytes) -> None:
        """Write lines, joined by newlines, with times in nanoseconds. An empty body checks token and bucket."""
        ...

    def retention_s(self) -> int | None:
        """Return how long the bucket keeps points; ``None`` forever, or when the token does not see the bucket."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class HttpInfluxClient:
    """An :class:`InfluxClient` over HTTP, on up to ``connections`` that are kept alive. Tries nothing twice."""

    def __init__(self, config: InfluxStoreConfig, connections: int) -> None:
        self._target = WriteTarget(config.url, config.org, config.bucket)
        self._client = InfluxDBClient(
            config.url,
            config.token.get_secret_value(),
            timeout=int(config.timeout * _MS_PER_S),
            ssl_ca_cert=None if config.ca_file is None else str(config.ca_file),
            connection_pool_maxsize=connections,
        )
        self._writes = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]
        self._buckets = BucketsService(self._client.api_client)  # type: ignore[no-untyped-call]

    def post(self, body: bytes) -> None:
        """See :meth:`InfluxClient.post`."""
        self._call(
            self._writes.post_write,
            self._target.org,
            self._target.bucket,
            gzip.compress(body, _GZIP_LEVEL, mtime=0),
            precision="ns",
            content_encoding="gzip",
        )

    def retention_s(self) -> int | None:
        """See :meth:`InfluxClient.retention_s`."""
        found = self._call(self._buckets.get_buckets, name=self._target.bucket, org=self._target.org).buckets
        rules = found[0].retention_rules if found else []
        return rules[0].every_seconds or None if rules else None

    def close(self) -> None:
        """See :meth:`InfluxClient.close`."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _call(self, request: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return request(*args, **options)
        except expected() as error:
            raise decide(error, self._target) from error
