"""The `store:` block, with the words that a wrong one is answered with."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from precache.config import Block, ConfigError, load
from precache.config.store import InfluxStoreConfig, SqliteStoreConfig, StoreConfig
from processor.stores.influxdb.store import InfluxStore
from processor.stores.opening import open_store
from processor.stores.sqlite.store import SqliteStore

INFLUX = {"type": "influxdb", "url": "http://localhost:8086", "org": "precache", "bucket": "precache", "token": "t0ken"}


class Whole(Block):
    store: StoreConfig


def loaded(tmp_path: Path, store: dict[str, Any]) -> InfluxStoreConfig | SqliteStoreConfig:
    file = tmp_path / "processor.yaml"
    file.write_text(yaml.safe_dump({"store": store}))
    return load(file, Whole, {}).store


def test_an_influxdb_with_its_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, INFLUX)
    assert isinstance(config, InfluxStoreConfig)
    assert config.token.get_secret_value() == "t0ken"
    assert (config.timeout, config.batch, config.ca_file) == (10.0, 5_000, None)
    assert "t0ken" not in repr(config)
    store = open_store(config)
    assert isinstance(store, InfluxStore)
    store.close()


def test_an_influxdb_with_everything(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    (tmp_path / "token").write_text("t0ken==\n")
    more = {"timeout": "500ms", "batch": 100, "ca_file": str(tmp_path / "ca.pem"), "url": "https://influx.example/i/"}
    config = loaded(
        tmp_path, {key: value for key, value in INFLUX.items() if key != "token"} | more | {"token_file": "token"}
    )
    assert isinstance(config, InfluxStoreConfig)
    assert config.token.get_secret_value() == "t0ken=="
    assert (config.timeout, config.batch, config.url) == (0.5, 100, "https://influx.example/i")


def test_a_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = loaded(tmp_path, {"type": "sqlite", "path": "~/precache.db"})
    assert config == SqliteStoreConfig(type="sqlite", path=tmp_path / "precache.db")
    store = open_store(config)
    assert isinstance(store, SqliteStore)
    assert list(tmp_path.glob("*.db*")) == [], "nothing is made before it is asked for"
    store.close()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"url": "localhost:8086"}, "store.url: should be the address of InfluxDB, such as http://localhost:8086"),
        ({"url": "http://"}, "store.url: should be the address of InfluxDB, such as http://localhost:8086"),
        (
            {"url": "http://localhost:99999"},
            "store.url: should be the address of InfluxDB, such as http://localhost:8086",
        ),
        ({"url": "http://[::1"}, "store.url: should be the address of InfluxDB, such as http://localhost:8086"),
        (
            {"url": "http://me:pw@localhost:8086"},
            "store.url: holds credentials: give `token` or `token_file`, and the bare address here",
        ),
        (
            {"url": "http://localhost:8086/?org=x"},
            "store.url: has a query or a fragment: give the bare address, such as http://localhost:8086",
        ),
        ({"token": "two words"}, "store.token: should be an API token of InfluxDB: one word of ASCII characters"),
        ({"token": "schlüssel"}, "store.token: should be an API token of InfluxDB: one word of ASCII characters"),
        ({"token": "a\nb"}, "store.token: should be an API token of InfluxDB: one word of ASCII characters"),
        ({"timeout": 0}, "store.timeout: should be more than 0"),
    ],
)
def test_errors_are_reported_by_key_and_without_the_value(tmp_path: Path, change: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, INFLUX | change)
    (told,) = raised.value.errors
    assert str(told).split(": ", 1)[1] == error
    assert "me:pw" not in str(raised.value)
    assert str(change.get("token")) not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"org": ""}, "store.org"),
        ({"bucket": ""}, "store.bucket"),
        ({"batch": 0}, "store.batch"),
        ({"batch": 50_001}, "store.batch"),
        ({"ca_file": "/no/such/file"}, "store.ca_file"),
        ({"path": "x.db"}, "store.path"),
        ({"type": "postgres"}, "store"),
    ],
)
def test_other_errors_are_reported_by_key(tmp_path: Path, change: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, INFLUX | change)
    (told,) = raised.value.errors
    assert told.path.startswith(path)
