"""processor.yaml: what it says when it says little, and what is said of what it can't say."""

import socket
from pathlib import Path

import pytest

from precache.config import ConfigError, load
from processor.config import ProcessorConfig
from processor.core.settings import Timers

LITTLE = """\
kafka: {bootstrap.servers: localhost:9092}
store: {type: sqlite, path: ops.db}
"""


def loaded(folder: Path, more: str = "") -> ProcessorConfig:
    file = folder / "processor.yaml"
    file.write_text(LITTLE + more)
    return load(file, ProcessorConfig)


def test_the_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert config.operations.timers == Timers(5_000, 35 * 60_000, 24 * 3_600_000, 3_600_000) == Timers()
    assert (config.group, config.instance) == ("precache-processor", socket.gethostname())
    assert config.transactional_id == f"precache-processor-{socket.gethostname()}"
    assert config.shutdown_timeout == 30.0
    assert config.http is not None
    assert config.http.listen == ("127.0.0.1", 9101)


def test_names_come_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "processor.yaml"
    file.write_text(
        LITTLE.replace("9092}", "9092, group.id: g}") + "instance: one\noperations: {grace_period: 500ms}\n"
    )
    config = load(file, ProcessorConfig)
    assert (config.group, config.transactional_id) == ("g", "g-one")
    assert config.operations.timers.grace_period_ms == 500


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            "operations: {stall_after: 1h, abandon_after: 1h}",
            "processor.yaml:3: operations.abandon_after: should be longer than stall_after: stalled",
        ),
        (
            "operations: {grace_period: 36m}",
            "processor.yaml:3: operations.stall_after: should not be shorter than grace_period: a result that is",
        ),
        ("operations: {grace_period: 0s}", "processor.yaml:3: operations.grace_period: should be greater than 0"),
        ("operations: {allowed_lateness: -1s}", "processor.yaml:3: operations.allowed_lateness"),
        ("operations: {setle: 5s}", "processor.yaml:3: operations.setle"),
        ("shutdown_timeout: 0s", "processor.yaml:3: shutdown_timeout: should be greater than 0"),
        ("instance: ''", "processor.yaml:3: instance"),
        ("clouds: []", "processor.yaml:3: clouds"),
    ],
)
def test_what_is_said_of_what_can_not_be(tmp_path: Path, more: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, more)
    (error,) = caught.value.errors
    assert str(error).removeprefix(f"{tmp_path}/").startswith(text)


def test_a_producer_that_does_not_take_our_records_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "processor.yaml"
    file.write_text(LITTLE.replace("9092}", "9092, message.max.bytes: 100000}"))
    with pytest.raises(ConfigError, match=r"kafka: message.max.bytes should be at least 1000000"):
        load(file, ProcessorConfig)
    file.write_text(LITTLE.replace("9092}", "9092, message.max.bytes: 1000000}"))
    assert load(file, ProcessorConfig).kafka.max_message_bytes == 1_000_000
