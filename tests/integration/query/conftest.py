"""Both stores, filled by the processor's own writers, and boots written as the contract has them."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from precache.contract.tables.measurements import Row
from precache.query.api import Reader
from precache.query.opening import open_reader
from precache.query.records import Boot
from processor.stores.api import WriteReport
from processor.stores.influxdb.client import HttpInfluxClient
from processor.stores.opening import open_store
from tests.services.testing import Bucket

_BOOTS_DDL = """
CREATE TABLE precache_boot (cloud TEXT NOT NULL, host TEXT NOT NULL, image TEXT NOT NULL, time INTEGER NOT NULL,
  instance TEXT NOT NULL, duration_s REAL NOT NULL, result TEXT NOT NULL, PRIMARY KEY (cloud, host, image, time))
"""


@dataclass(frozen=True)
class Filled:
    """One store: how it is read, and how it is filled."""

    config: InfluxStoreConfig | SqliteStoreConfig
    reader: Reader
    write_boots: Callable[[Sequence[Boot]], None]

    def write(self, rows: Sequence[Row]) -> None:
        store = open_store(self.config)
        store.check()
        assert store.write(rows) == WriteReport()
        store.close()


@pytest.fixture
def influx(bucket: Bucket) -> Iterator[Filled]:
    token = SecretStr(bucket.token)
    config = InfluxStoreConfig(type="influxdb", url=bucket.url, org=bucket.org, bucket=bucket.name, token=token)

    def write_boots(boots: Sequence[Boot]) -> None:
        lines = [
            f"precache_boot,cloud={each.cloud},host={each.host},image={each.image} "
            f'instance="{each.instance}",duration_s={each.duration_s},result="{each.result}" {each.time}'
            for each in boots
        ]
        client = HttpInfluxClient(config, connections=1)
        client.post("\n".join(lines).encode())
        client.close()

    reader = open_reader(config)
    yield Filled(config, reader, write_boots)
    reader.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Filled]:
    path = tmp_path / "precache.db"

    def write_boots(boots: Sequence[Boot]) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(_BOOTS_DDL)
            rows: list[tuple[Any, ...]] = [
                (each.cloud, each.host, each.image, each.time, each.instance, each.duration_s, each.result)
                for each in boots
            ]
            connection.executemany("INSERT INTO precache_boot VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.commit()

    config = SqliteStoreConfig(type="sqlite", path=path)
    reader = open_reader(config)
    yield Filled(config, reader, write_boots)
    reader.close()


@pytest.fixture
def stores(influx: Filled, sqlite: Filled) -> list[Filled]:
    return [influx, sqlite]


@pytest.fixture(params=["influx", "sqlite"])
def store(request: pytest.FixtureRequest) -> Filled:
    chosen: Filled = request.getfixturevalue(request.param)
    return chosen
