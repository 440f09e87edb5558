"""Where operations are read from, and how that place is named again."""

from pathlib import Path
from typing import Any

import pytest

from console.cli.exits import CommandError
from console.cli.transport_url import VARIABLE
from console.watch.feeds.source import WatchSource, required, source

URL = "rabbit://openstack:secretword@rabbit.example.org:5672/"
PLACE = {"exchange": "nova", "topic": "versioned_notifications"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no file and no variable of this machine be found."""
    for name in ("PRECACHE_CONFIG", VARIABLE, "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(**given: Any) -> WatchSource | None:
    nothing: dict[str, Any] = {"path": None, "kafka": None, "transport_url": None, "transport_url_file": None}
    return source(**{**nothing, **PLACE, **given})


@pytest.mark.parametrize(
    ("given", "resume"),
    [
        ({"path": Path("my file.yaml")}, "precache watch --config 'my file.yaml'"),
        ({"kafka": "k:9092"}, "precache watch --kafka k:9092"),
        ({"transport_url": "rabbit://host/"}, "precache watch --transport-url rabbit://host/ --cloud paris"),
        ({"transport_url": URL}, "precache watch --transport-url-file FILE-WITH-THE-URL --cloud paris"),
        (
            {"transport_url": "rabbit://host/", "exchange": "n", "topic": "t"},
            "precache watch --transport-url rabbit://host/ --exchange n --topic t --cloud paris",
        ),
    ],
)
def test_the_command_that_goes_on(given: dict[str, object], resume: str) -> None:
    assert required(named(**given)).resume("paris") == resume
    assert "secretword" not in resume


def test_a_url_from_a_file_or_the_environment(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = nowhere / "url"
    file.write_text(f"{URL}\n")
    found = required(named(transport_url_file=file))
    assert found.transport_url == URL
    assert found.resume("paris") == f"precache watch --transport-url-file {file} --cloud paris"
    monkeypatch.setenv(VARIABLE, URL)
    found = required(named())
    assert found.transport_url == URL
    assert found.resume("paris") == "precache watch --cloud paris"


def test_the_operators_file_where_nothing_is_named(nowhere: Path) -> None:
    assert named() is None
    (nowhere / "precache.yaml").write_text("operators: {}\n")
    assert named() is None, "it names no Kafka"
    (nowhere / "precache.yaml").write_text("kafka: {bootstrap.servers: k:1}\noperators: {}\n")
    found = required(named())
    assert found.is_kafka
    assert found.kafka_settings().kafka.servers == "k:1"
    assert found.resume() == "precache watch"


def test_none_and_several() -> None:
    with pytest.raises(CommandError, match="Choose a source"):
        required(named())
    with pytest.raises(CommandError, match="Choose one source"):
        named(kafka="k:1", path=Path("x.yaml"))
