"""`precache.yaml`: where it is looked for, what it may hold, and what is refused in which words."""

from pathlib import Path
from typing import Any

import pytest

from precache.config import ConfigError, load
from precache.config.kinds import kind_of_keys
from precache.config.operators import OperatorCloud, OperatorsBlock
from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from precache.operator.config import OperatorConfig
from precache.operator.search import NoFileError, find, require
from precache.operator.store import load_store_settings

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "precache.yaml"
SQLITE = "store: {type: sqlite, path: /var/lib/precache/precache.db}\noperators: {}\n"
NOWHERE: dict[str, str] = {"HOME": "/nonexistent"}


def written(folder: Path, text: str, name: str = "precache.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def errors_of(path: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_store_settings(path, environ)
    return [str(error).replace(f"{path.parent}/", "") for error in caught.value.errors]


def test_the_example_is_good_and_says_what_it_says() -> None:
    config = load(EXAMPLE, OperatorConfig, {"INFLUX_TOKEN": "a-token"})
    assert config.kafka is not None
    assert config.kafka.servers == "localhost:9092"
    assert isinstance(config.store, InfluxStoreConfig)
    assert config.operators.cloud("paris").os_cloud == "paris-admin"
    assert config.operators.cloud("paris").purge_after == 86_400.0


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()
    shown: list[Any] = [OperatorConfig, OperatorsBlock, OperatorCloud, SqliteStoreConfig]
    names = {name for model in shown for name in model.model_fields}
    assert {name for name in names if f"{name}:" not in text} == set()


def test_the_first_place_that_has_a_file_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": str(tmp_path / "home")}
    assert find(None, environ) is None
    home = written(tmp_path / "home" / ".config" / "precache", SQLITE)
    assert find(None, environ) == home
    xdg = written(tmp_path / "xdg" / "precache", SQLITE)
    assert find(None, environ | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == xdg
    written(tmp_path, SQLITE)
    assert find(None, environ) == Path("precache.yaml")
    named = environ | {"PRECACHE_CONFIG": "/nowhere/named.yaml"}
    assert find(None, named) == Path("/nowhere/named.yaml")
    assert find(Path("given.yaml"), named) == Path("given.yaml")


def test_without_a_file_the_places_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoFileError) as caught:
        require(None, NOWHERE)
    assert str(caught.value) == (
        "No precache.yaml found: looked at precache.yaml, /nonexistent/.config/precache/precache.yaml, "
        "/etc/precache/precache.yaml. Name one by --config or PRECACHE_CONFIG; "
        "config/precache.yaml is an example that explains itself"
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("clouds: []", "a bridge's file"),
        ("store: {}\noperations: {}", "a processor's file"),
        ("store: {}", "a processor's file"),
        ("store: {}\noperators: {}\nwanted: []", "a keeper's file"),
        ("store: {}\noperators: {}\nlisten: 127.0.0.1:80", "a web page's file"),
        ("kafka: {}", "a file with `kafka` and `topics` alone"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_word(tmp_path: Path, text: str, kind: str) -> None:
    expected = f"other.yaml: is {kind}: this needs an operator's file, with the key `operators`"
    assert errors_of(written(tmp_path, text, "other.yaml")) == [expected]


def test_a_file_that_is_not_there_is_reported_as_such(tmp_path: Path) -> None:
    assert errors_of(tmp_path / "precache.yaml") == ["precache.yaml: cannot be read: No such file or directory"]


def test_a_secret_that_is_unset_in_an_unused_block_does_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path, "kafka: {bootstrap.servers: h:1, sasl.password: '${UNSET}'}\n" + SQLITE)
    assert isinstance(load_store_settings(path, NOWHERE).store, SqliteStoreConfig)


def test_a_secret_that_is_unset_in_the_store_does(tmp_path: Path) -> None:
    store = "store: {type: influxdb, url: 'http://h:1', org: o, bucket: b, token: '${UNSET}'}\noperators: {}"
    assert errors_of(written(tmp_path, store)) == [
        "precache.yaml:1: store.token: the environment variable UNSET is not set"
    ]


def test_errors_of_clouds_are_reported_with_their_lines(tmp_path: Path) -> None:
    text = SQLITE.replace("{}", "\n  clouds:\n  - {name: Paris}\n  - {name: rome, purge_after: soon}\n  - {nmae: x}")
    assert errors_of(written(tmp_path, text)) == [
        "precache.yaml:4: operators.clouds[0].name: should match pattern '^[a-z0-9-]+$'",
        "precache.yaml:5: operators.clouds[1].purge_after: should be a duration such as 500ms, 30s, 2m, 1h30m or 24h",
        "precache.yaml:6: operators.clouds[2].nmae: unknown key 'nmae'; did you mean 'name'?",
    ]


def test_a_cloud_has_one_entry(tmp_path: Path) -> None:
    text = SQLITE.replace("{}", "\n  clouds: [{name: rome}, {name: rome}]")
    assert errors_of(written(tmp_path, text)) == [
        "precache.yaml:3: operators.clouds: name 'rome' is used twice: a cloud has one entry"
    ]


def test_a_purge_time_is_the_aggregates_else_the_clouds_else_novas() -> None:
    cloud = OperatorCloud.model_validate(
        {"name": "paris", "purge_after": "48h", "purge_after_by_aggregate": {"web": "72h", "uuid-2": "1h"}}
    )
    block = OperatorsBlock(clouds=(cloud,))
    paris = block.cloud("paris")
    assert paris.purge_after_s("uuid-1", "web") == 259_200.0
    assert paris.purge_after_s("uuid-2", "db") == 3_600.0
    assert paris.purge_after_s("uuid-3", "other") == 172_800.0
    assert block.cloud("rome").purge_after_s("uuid-1", "web") == 86_400.0


def test_a_keepers_file_is_no_operators() -> None:
    assert kind_of_keys({"operators", "wanted", "kafka", "store"}) == "keeper"
