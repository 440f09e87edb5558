"""A place in each kind of store, opened as the configuration would and read without the product's code."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from precache.contract.tables.measurements import Record
from processor.stores.api import RowStore
from processor.stores.opening import open_store
from tests.services.testing import Bucket
from tests.support.influx_rows import read_points, read_table
from tests.support.store_rows import MEASUREMENT, parsed

Config = InfluxStoreConfig | SqliteStoreConfig


@dataclass(frozen=True)
class Place:
    """Where a test's rows go, and how to see them."""

    config: Config
    points: Callable[[str], list[dict[str, Any]]]
    store: RowStore

    def read(self, kind: type[Record]) -> list[dict[str, Any]]:
        """Return what is stored of one type of rows, lists as lists, sorted by tags and time."""
        return [parsed(point) for point in self.points(MEASUREMENT[kind])]


def influx_config(bucket: Bucket, **more: Any) -> InfluxStoreConfig:
    values = {"url": bucket.url, "org": bucket.org, "bucket": bucket.name, "token": SecretStr(bucket.token)}
    return InfluxStoreConfig(type="influxdb", **(values | more))


@pytest.fixture
def influx(bucket: Bucket) -> Iterator[Place]:
    config = influx_config(bucket)
    store = open_store(config)

    def points(measurement: str) -> list[dict[str, Any]]:
        return read_points(bucket.url, bucket.org, bucket.token, bucket.name, measurement)

    yield Place(config, points, store)
    store.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Place]:
    config = SqliteStoreConfig(type="sqlite", path=tmp_path / "precache.db")
    store = open_store(config)
    yield Place(config, lambda table: read_table(config.path, table), store)
    store.close()


@pytest.fixture(params=["influx", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    chosen: Place = request.getfixturevalue(request.param)
    return chosen
