"""Every file in `bad/` with its exact faults beside it. `model` below has one of each thing that a model can have."""

from pathlib import Path
from time import process_time
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import pytest
from pydantic import Field, SecretStr, field_validator, model_validator

from precache.config import Block, ConfigError, Duration, HttpBlock, TopicsBlock, error_at, load
from precache.config.document import read
from precache.kafka.config import KafkaBlock

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.glob("*.yaml"))
ENVIRON = {"SET": "from-the-environment-1234", "EMPTY": "", "BAD_URL": "htp//user:hidden-password@host"}
SECRETS = ("hidden-password", "from-the-environment-1234", "secret-of-a-file")


class Influx(Block):
    type: Literal["influxdb"]
    url: str
    token: SecretStr

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith("http://"):
            raise ValueError(f"should start with http://, not {url}")
        return url


class Sqlite(Block):
    type: Literal["sqlite"]
    path: str


class Cloud(Block):
    name: str = Field(min_length=1)
    transport_url: SecretStr
    prefetch: int = Field(default=1000, ge=1)
    drain_shared: bool = False
    hold: Duration = 120.0
    events: tuple[str, ...] = ("aggregate.cache_images.*",)
    forward: dict[str, list[str]] = Field(default_factory=dict)

    @field_validator("transport_url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        if "://" not in url.get_secret_value():
            raise ValueError(f"not a URL: {url.get_secret_value()}")
        # Its ValueError quotes what it took for the port.
        assert urlsplit(url.get_secret_value()).port != 0
        return url

    @model_validator(mode="after")
    def _does_not_forward_nothing(self) -> Self:
        if self.forward and not self.events:
            raise error_at("events", "needs at least one")
        return self


class Config(Block):
    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()
    clouds: tuple[Cloud, ...] = Field(default=(), max_length=3)
    store: Annotated[Influx | Sqlite, Field(discriminator="type")] | None = None
    http: HttpBlock = HttpBlock(listen=("127.0.0.1", 9100))


def errors_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, Config, ENVIRON)
    assert str(caught.value) == "\n".join(map(str, caught.value.errors))
    return [str(error).replace(f"{BAD}/", "") for error in caught.value.errors]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_error_is_reported_in_these_words(path: Path) -> None:
    assert errors_of(path) == path.with_suffix(".txt").read_text().splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_secret_is_reported(path: Path) -> None:
    told = "\n".join(errors_of(path))
    assert not [secret for secret in SECRETS if secret in told]


def test_each_bad_file_has_its_texts_and_none_is_left_over() -> None:
    assert {path.stem for path in FILES} == {path.stem for path in BAD.glob("*.txt")}
    assert len(FILES) >= 20


def cpu_of(tmp_path: Path, lines: int) -> float:
    file = tmp_path / f"{lines}.yaml"
    file.write_text("a: 1\n" * lines)
    began = process_time()
    document, _ = read(file)
    assert len(document.errors) == lines - 1
    return process_time() - began


def test_ten_times_the_errors_take_about_ten_times_as_long(tmp_path: Path) -> None:
    # 100 times, were each fault compared with all before it.
    assert cpu_of(tmp_path, 8_000) < 30 * cpu_of(tmp_path, 800)


def test_keys_that_are_merged_again_and_again_are_bounded(tmp_path: Path) -> None:
    file = tmp_path / "merges.yaml"
    keys = "".join(f"  k{number}: 1\n" for number in range(500))
    file.write_text(f"x: &x\n{keys}y:\n  <<: [{', '.join(['*x'] * 500)}]\n")
    document, _ = read(file)
    assert [error.text for error in document.errors] == ["holds more than 50000 values, its aliases written out"]
