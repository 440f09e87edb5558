"""What a good file becomes."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr, ValidationError

from precache.config import Block, ConfigError, Duration, TopicsBlock, load, top_level_keys
from precache.kafka.config import KafkaBlock

KAFKA = "kafka: {bootstrap.servers: localhost:9092}\n"


class Part(Block):
    name: str = "default"
    secret: SecretStr | None = None
    ca_file: str = ""
    wait: Duration = 1.0
    wanted: bool = False


class Config(Block):
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    table: dict[str, list[str]] = Field(default_factory=dict)


def loaded(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return load(path, Config, environ or {})


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("0123", "0123"),
        ("'5'", "5"),
        ("=", "="),
        ("1_000", "1_000"),
        ("!!str 5", "5"),
        ("'null'", "null"),
    ],
)
def test_text_that_yaml_1_1_takes_for_something_else_stays_text(tmp_path: Path, written: str, name: str) -> None:
    assert loaded(tmp_path, f"part: {{name: {written}}}").part.name == name


@pytest.mark.parametrize("written", ["true", "True", "yes", "on", "${WANTED}"])
def test_a_boolean_may_be_written_as_yaml_1_1_has_it(tmp_path: Path, written: str) -> None:
    assert loaded(tmp_path, f'part: {{wanted: "{written}"}}', {"WANTED": "yes"}).part.wanted is True
    assert loaded(tmp_path, "part: {wanted: off}").part.wanted is False


@pytest.mark.parametrize("text", ["part:", "part: ~", "part: {}", "part: {name: }", "parts:\npart:\n  # name: x\n"])
def test_what_has_no_value_has_its_default(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == Config()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("${A}", "one"),
        ("<${A}-${B}>", "<one-two>"),
        ("${C:-three}", "three"),
        ("${A:-three}", "one"),
        ("${E:-three}", "three"),
        ("$${A}", "${A}"),
        ("$A", "$A"),
        ("pa$$word", "pa$$word"),
        ("${A}$${A}", "one${A}"),
        ("${R}", "${A}"),
    ],
)
def test_variables_are_filled_in_once(tmp_path: Path, written: str, name: str) -> None:
    environ = {"A": "one", "B": "two", "E": "", "R": "${A}"}
    for quoted in (f"'{written}'", f'"{written}"'):
        assert loaded(tmp_path, f"part: {{name: {quoted}}}", environ).part.name == name


def test_a_variable_may_be_a_number_but_never_a_key(tmp_path: Path) -> None:
    assert loaded(tmp_path, "part: {wait: '${WAIT}'}", {"WAIT": "90"}).part.wait == 90.0
    assert loaded(tmp_path, "table: {'${WAIT}': [x]}", {"WAIT": "90"}).table == {"${WAIT}": ["x"]}


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"abc", "abc"), (b"abc\n", "abc"), (b"abc\r\n", "abc"), (b"abc\n\n", "abc\n"), (b" a${B} \n", " a${B} ")],
)
def test_a_secret_may_stand_in_a_file_beside_the_configuration(tmp_path: Path, content: bytes, secret: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    part = loaded(tmp_path, "part: {secret_file: secret, ca_file: secret}").part
    assert part.secret is not None
    assert part.secret.get_secret_value() == secret
    assert part.ca_file == "secret"  # not a secret's twin: a path, and read by nobody
    absolute = loaded(tmp_path, f"part: {{secret_file: {tmp_path}/secret}}").part
    assert absolute.secret == part.secret


def test_no_secret_shows_in_what_a_person_may_print(tmp_path: Path) -> None:
    config = loaded(tmp_path, "part: {secret: hush-hush}")
    assert "hush" not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"


def test_anchors_aliases_and_merges(tmp_path: Path) -> None:
    text = "part: &p {name: a, wait: 5s}\nparts: [*p, {<<: *p, name: b}, {name: c, <<: [{wait: 7s}, *p]}]\n"
    config = loaded(tmp_path, text)
    assert [(part.name, part.wait) for part in config.parts] == [("a", 5.0), ("b", 5.0), ("c", 7.0)]


def test_an_error_in_an_alias_is_reported_where_it_is_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "table: {a: &a [x]}\nparts:\n  - wanted: *a\n  - name: *a\n")
    assert [(error.line, error.path) for error in caught.value.errors] == [(3, "parts[0].wanted"), (4, "parts[1].name")]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeffpart: {name: x}").part.name == "x"


def test_what_is_loaded_is_frozen(tmp_path: Path) -> None:
    config: Any = loaded(tmp_path, "part: {name: x}")
    with pytest.raises(ValidationError, match="frozen"):
        config.part.name = "y"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "missing.yaml"
    with pytest.raises(ConfigError, match=rf"^{path}: cannot be read: No such file or directory$"):
        load(path, Config)
    with pytest.raises(ConfigError, match=rf"^{tmp_path}: cannot be read: Is a directory$"):
        load(tmp_path, Config)
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match=r"is larger than 1048576 bytes"):
        load(path, Config)


def test_the_keys_at_the_top(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("kafka: ${UNSET}\nclouds: []\n")
    assert top_level_keys(path) == {"kafka", "clouds"}
    path.write_text("[")
    assert top_level_keys(path) == frozenset()
    assert top_level_keys(tmp_path / "missing") == frozenset()


def test_a_model_made_in_code_refuses_unknown_keys_too() -> None:
    with pytest.raises(ValidationError, match="nmae"):
        Part.model_validate({"nmae": "x"})


class WithKafka(Block):
    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()


def test_the_kafka_block_keeps_any_other_property(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("-----BEGIN KEY-----\nx\n-----END KEY-----\n")
    path = tmp_path / "file.yaml"
    path.write_text(
        "kafka:\n  bootstrap.servers: a:1, b\n  group.id: g\n  security.protocol: sasl_ssl\n"
        "  socket.keepalive.enable: true\n"
        "  linger.ms: 0.5\n  sasl.password: ${PASSWORD}\n  ssl.key.pem_file: pem\n"
        "  partition.assignment.strategy: cooperative-sticky\n"
    )
    kafka = load(path, WithKafka, {"PASSWORD": "hush-hush"}).kafka
    assert (kafka.servers, kafka.group_id, kafka.max_batch_bytes) == ("a:1, b", "g", 1_000_000)
    assert kafka.client("consumer", **{"client.id": "c"}) == {
        "bootstrap.servers": "a:1, b",
        "group.id": "g",
        "security.protocol": "sasl_ssl",
        "socket.keepalive.enable": True,
        "linger.ms": 0.5,
        "sasl.password": "hush-hush",
        "ssl.key.pem": "-----BEGIN KEY-----\nx\n-----END KEY-----",
        "partition.assignment.strategy": "cooperative-sticky",
        "client.id": "c",
    }
    assert "group.id" not in kafka.client("producer")
    assert "hush" not in f"{kafka!r} {kafka} {kafka.model_dump()} {kafka.model_dump_json()}"


def test_a_kafka_block_made_in_code() -> None:
    block = KafkaBlock.model_validate(
        {"bootstrap.servers": "x:1", "test.mock.num.brokers": 3, "message.max.bytes": 5_000}
    )
    assert block.max_batch_bytes == 5_000
    for wrong in ({"linger.ms": 5}, {"bootstrap.servers": "x", "acks": "1"}, {"bootstrap.servers": "x", "x.y": 1}, 5):
        with pytest.raises(ValidationError):
            KafkaBlock.model_validate(wrong)


def test_topics_by_role() -> None:
    topics = TopicsBlock(progress="x")
    assert [topics.name(role) for role in ("notifications", "progress", "operations", "deadletters")] == [
        "nova.notifications",
        "x",
        "precache.operations",
        "precache.deadletters",
    ]
