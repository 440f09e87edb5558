"""Both stores, filled by the processor's own writers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec import convert
from msgspec.structs import asdict
from pydantic import SecretStr

from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from precache.contract.tables.boot import Boot
from precache.contract.tables.measurements import Row
from precache.query.api import Reader
from precache.query.opening import open_reader
from precache.query.records import StoredBoot
from processor.stores.api import WriteReport
from processor.stores.opening import open_store
from tests.services.testing import Bucket


@dataclass(frozen=True)
class Filled:
    """One store: how it is read, and how it is filled."""

    config: InfluxStoreConfig | SqliteStoreConfig
    reader: Reader

    def write(self, rows: Sequence[Row]) -> None:
        store = open_store(self.config)
        store.check()
        assert store.write(rows) == WriteReport()
        store.close()

    def write_boots(self, boots: Sequence[StoredBoot]) -> None:
        self.write([Row(each.time, convert(asdict(each), Boot)) for each in boots])


@pytest.fixture
def influx(bucket: Bucket) -> Iterator[Filled]:
    token = SecretStr(bucket.token)
    config = InfluxStoreConfig(type="influxdb", url=bucket.url, org=bucket.org, bucket=bucket.name, token=token)

    reader = open_reader(config)
    yield Filled(config, reader)
    reader.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Filled]:
    path = tmp_path / "precache.db"

    config = SqliteStoreConfig(type="sqlite", path=path)
    reader = open_reader(config)
    yield Filled(config, reader)
    reader.close()


@pytest.fixture
def stores(influx: Filled, sqlite: Filled) -> list[Filled]:
    return [influx, sqlite]


@pytest.fixture(params=["influx", "sqlite"])
def store(request: pytest.FixtureRequest) -> Filled:
    chosen: Filled = request.getfixturevalue(request.param)
    return chosen
