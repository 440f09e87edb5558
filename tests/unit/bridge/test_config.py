from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.config import BridgeConfig
from bridge.source import transport_url as transport
from bridge.source.amqp import dial
from precache.config import ConfigError, load

CLOUD = {"name": "paris", "transport_url": "rabbit://nova:pa55word@host:5672/", "topic": "precache"}


def errors(tmp_path: Path, *clouds: dict[str, Any], **more: Any) -> list[str]:
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump({"kafka": {"bootstrap.servers": "k:9092"}, "clouds": list(clouds)} | more))
    try:
        load(file, BridgeConfig)
    except ConfigError as error:
        return [f"{problem.path}: {problem.text}" for problem in error.errors]
    return []


def test_the_file_that_is_shipped_loads() -> None:
    config = load(Path("config/bridge.yaml"), BridgeConfig, {"PARIS_PASSWORD": "x"})
    (cloud,) = config.clouds
    assert cloud.listening.queue == cloud.listening.routing_key == "precache.info"
    assert cloud.source == "rabbit"
    assert (cloud.prefetch, cloud.hold) == (1000, 120.0)
    read = transport.read(cloud.transport_url.get_secret_value(), cloud.oslo_messaging_rabbit)
    assert [(host.name, host.port, host.username, host.password) for host in read.hosts] == [
        ("rabbit1", 5672, "precache", "x"),
        ("rabbit2", 5672, "precache", "x"),
    ]
    assert read.virtual_host == "/"


def test_what_is_not_given_has_the_contracts_defaults(tmp_path: Path) -> None:
    assert errors(tmp_path, CLOUD) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Paris"}, "clouds[0].name: should be 1 to 63 characters of a-z, 0-9 and '-'"),
        ({"topic": None}, "clouds[0].topic: exactly one of topic"),
        ({"pool": "mine"}, "topic and pool are given"),
        ({"topic": "versioned_notifications"}, "say drain_shared: true"),
        ({"prefetch": 0}, "clouds[0].prefetch: "),
        ({"hold": "2h"}, "clouds[0].hold: "),
        ({"source": "kafka"}, "clouds[0].source: should be 'rabbit' or 'oslo'"),
        ({"transport_url": "host:5672"}, "is no transport URL"),
        ({"transport_url": "rabbit://nova:pa/55word@host:notaport/"}, "percent-encoded"),
        ({"transport_url": "kombu+memory://"}, "say `source: oslo`"),
        ({"transport_url": "rabbit:///"}, "names no host"),
        ({"transport_url": "rabit://u:p@h/", "source": "oslo"}, "oslo.messaging has no driver 'rabit'; it has"),
        (
            {"oslo_messaging_rabbit": {"rabbit_ha_queues": True}},
            "clouds[0].oslo_messaging_rabbit.rabbit_ha_queues: has no effect with `source: rabbit`",
        ),
        ({"oslo_messaging_rabbit": {"rabbit_qos_prefetch_count": 5}}, "the cloud's own `prefetch` says it"),
        ({"oslo_messaging_rabbit": {"rabbit_quorum_que": True}}, "oslo.messaging has no such option"),
        ({"oslo_messaging_rabbit": {"heartbeat_timeout_threshold": "soon"}}, "heartbeat_timeout_threshold"),
        ({"transport_url": CLOUD["transport_url"] + "?rabbit_ha_queues=true"}, "rabbit_ha_queues has no effect"),
        ({"transport_url": CLOUD["transport_url"] + "?nonsense=true"}, "an option in the URL's query (nonsense)"),
        ({"oslo_messaging_rabbit": {"rabbit_login_method": "RABBIT-CR-DEMO"}}, "use PLAIN or EXTERNAL"),
        ({"oslo_messaging_rabbit": {"rabbit_retry_backoff": 9}}, "rabbit_retry_backoff: has no effect"),
        ({"oslo_messaging_rabbit": {"ssl_version": "nonsense"}}, "ssl_version: (nonsense) is none that is supported"),
        ({"events": ["aggregate cache"]}, "should be an event type"),
        ({"forward": {"nova.notifications": ["*"]}}, "clouds[0].forward.nova.notifications: is one of `topics`"),
        ({"forward": {"bad topic": ["*"]}}, "is no name for a Kafka topic"),
    ],
)
def test_each_error_is_reported(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    cloud = {key: value for key, value in (CLOUD | change).items() if value is not None}
    told = errors(tmp_path, cloud)
    assert len(told) == 1, told
    assert words in told[0]
    assert "55word" not in told[0]


def test_two_clouds_of_one_name_are_refused(tmp_path: Path) -> None:
    (told,) = errors(tmp_path, CLOUD, CLOUD)
    assert "clouds[1].name: paris is the name of a cloud above" in told


def test_a_producer_that_would_not_take_a_dead_letter_is_refused(tmp_path: Path) -> None:
    (told,) = errors(tmp_path, CLOUD, kafka={"bootstrap.servers": "k:9092", "message.max.bytes": 200_000})
    assert "kafka: message.max.bytes should be at least 400000" in told


def test_options_in_the_url_mean_what_they_mean_to_nova() -> None:
    read = transport.read("rabbit://u:p@h/v?ssl=1&heartbeat_timeout_threshold=7", {"ssl": False})
    assert read.options["ssl"] is True
    assert read.options["heartbeat_timeout_threshold"] == 7
    assert transport.check_for_rabbit(read) == []
    assert "password" not in repr(read.hosts[0])


@pytest.mark.parametrize(
    ("given", "highest"), [("TLSv1_2", "TLSv1_2"), ("", "MAXIMUM_SUPPORTED"), ("x", "MAXIMUM_SUPPORTED")]
)
def test_the_version_of_tls_that_is_asked_for_is_the_one(given: str, highest: str) -> None:
    read = transport.read("rabbit://u:p@h/", {"ssl": True, "ssl_version": given})
    context = dial.tls_context(read.options)
    assert context is not None
    assert context.maximum_version.name == highest
