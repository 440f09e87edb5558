"""keep.yaml: what it means, and what is said of what it can't mean."""

from datetime import time
from pathlib import Path

import pytest

from keeper.config import KeeperConfig
from keeper.core.declaration import ImageChoice
from precache.config import ConfigError, load

ROOT = Path(__file__).parents[3]
HEAD = """\
kafka: {bootstrap.servers: "kafka:9092"}
store: {type: sqlite, path: store.db}
operators: {clouds: [{name: paris, purge_after: 2h, requests: 3}]}
"""


def errors_of(folder: Path, text: str) -> list[str]:
    file = folder / "keep.yaml"
    file.write_text(HEAD + text)
    with pytest.raises(ConfigError) as caught:
        load(file, KeeperConfig)
    return [str(error).removeprefix(f"{file}:") for error in caught.value.errors]


def test_the_example_means_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLUX_TOKEN", "token")
    config = load(ROOT / "config" / "keep.yaml", KeeperConfig)
    (cloud,) = config.declarations()
    (declared,) = cloud.declarations
    assert (cloud.cloud, cloud.rules.purge_after_s, cloud.rules.requests) == ("paris", 86_400.0, 1)
    assert declared.images == (
        ImageChoice("ubuntu-24.04"),
        ImageChoice(properties=(("os_distro", "debian"),), newest=1),
    )
    assert declared.window is not None
    assert (declared.window.opens, declared.window.closes) == (time(22), time(6))
    assert (declared.margin_s, declared.retry.attempts, declared.joined_after_s) == (4 * 3_600.0, 3, 600.0)
    assert (config.group, declared.deadline_s) == ("precache-keeper", None)


def test_a_deadline_has_an_offset(tmp_path: Path) -> None:
    file = tmp_path / "keep.yaml"
    wanted = "wanted: [{cloud: paris, aggregate: a, images: [b], margin: 1h, deadline: 2026-12-01T06:00:00+01:00}]"
    file.write_text(HEAD + wanted)
    (cloud,) = load(file, KeeperConfig).declarations()
    assert cloud.declarations[0].deadline_s == 1_796_101_200.0
    assert errors_of(tmp_path, wanted.replace("+01:00", "")) == [
        "4: wanted[0].deadline: should be a moment with its offset, such as 2026-12-01T06:00:00+01:00"
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("images: []", "wanted[0].images: should have at least 1 item, not 0"),
        ("images: [{property: {}}]", "wanted[0].images[0]: should be a name, an id, or {property: {os_distro: debian}"),
        ("images: [{property: {a: b}, newset: 1}]", "wanted[0].images[0]: unknown key 'newset'; an image chosen by"),
        ("images: [{property: {a: b}, newest: 0}]", "wanted[0].images[0]: newest should be a whole number from 1 to"),
        ("images: [a], window: {from: 22, to: '06:00'}", "wanted[0].window.from: should be a time of day in quotes"),
        ("images: [a], window: {from: '22:00'}", "wanted[0].window.to: is required"),
        (
            "images: [a], window: {from: '22:00', to: '06:00', zone: Mars}",
            "wanted[0].window.zone: should be a time zone such as Europe/Paris or UTC",
        ),
        ("images: [a], margin: 2h", "wanted: a: margin should be shorter than purge_after, which is 7200 s"),
    ],
)
def test_what_it_cannot_mean(tmp_path: Path, item: str, expected: str) -> None:
    (found,) = errors_of(tmp_path, f"wanted: [{{cloud: paris, aggregate: a, {item}}}]")
    assert found.removeprefix("4: ").startswith(expected)


def test_a_cloud_that_is_not_among_the_operators_is_named(tmp_path: Path) -> None:
    (found,) = errors_of(tmp_path, "wanted: [{cloud: rome, aggregate: a, images: [b], margin: 1h}]")
    assert found == "4: wanted: cloud 'rome' has no entry in operators.clouds: how is it reached?"
