import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from confluent_kafka import KafkaError

from precache.kafka.connection import Connection


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


REFUSED = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)"


def fail(
    connection: Connection, text: str = f"[thrd:localhost:9092/bootstrap]: localhost:9092/bootstrap: {REFUSED}"
) -> None:
    connection.log(logging.ERROR, "%s [%s] %s", "FAIL", "client#producer-1", text)


def stats(**states: str) -> str:
    return json.dumps(
        {"brokers": {name: {"nodename": f"{name}:9092", "state": state} for name, state in states.items()}}
    )


def test_a_lost_broker_is_reported_once_a_minute_and_once_when_it_is_back(clock: Clock, events: list[Any]) -> None:
    connection = Connection("c", clock)
    for _ in range(100):
        fail(connection)
        clock.now += 1
    connection.on_statistics(stats(localhost="CONNECT"))
    connection.on_statistics(stats(localhost="UP"))
    connection.on_statistics(stats(localhost="UP"))
    why = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused"
    lost = {
        "event": "kafka.disconnected",
        "log_level": "warning",
        "client": "c",
        "broker": "localhost:9092",
        "why": why,
    }
    assert events == [
        lost,
        {**lost, "repeated": 59},
        {"event": "kafka.connected", "log_level": "info", "client": "c", "broker": "localhost:9092", "away_s": 100.0},
    ]
    fail(connection)
    assert events[3] == lost


def test_what_went_wrong_last_is_kept_until_all_are_back(clock: Clock, events: list[Any]) -> None:
    connection = Connection("c", clock)
    fail(connection, "[thrd:a:1/1]: a:9092/1: Connection reset")
    fail(connection, "[thrd:b:1/2]: b:9092/2: Connection reset")
    connection.on_statistics(stats(b="UP", a="DOWN"))
    assert connection.last_error == "b:9092: Connection reset"
    connection.on_statistics(stats(b="UP", a="UP"))
    assert connection.last_error == ""
    assert len(events) == 4


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("[thrd:GroupCoordinator]: GroupCoordinator: k1.example.org:9092: Connection reset", "k1.example.org:9092"),
        ("[thrd:sasl_ssl://k1:9093/3]: sasl_ssl://k1:9093/3: Connection reset", "k1:9093"),
        ("k1:9092/5: Connection reset", "k1:9092"),
        ("[thrd:x]: [::1]:9092/5: Connection reset", "[::1]:9092"),
    ],
)
def test_the_broker_is_named_however_librdkafka_writes_it(
    clock: Clock, events: list[Any], text: str, broker: str
) -> None:
    fail(Connection("c", clock), text)
    assert [(event["event"], event["broker"], event["why"]) for event in events] == [
        ("kafka.disconnected", broker, "Connection reset")
    ]


def test_other_lines_of_librdkafka(clock: Clock, events: list[Any]) -> None:
    connection = Connection("c", clock)
    connection.log(
        logging.WARNING,
        "%s [%s] %s",
        "CONFWARN",
        "x",
        "Configuration property group.id is a consumer property and will be ignored by this producer instance",
    )
    connection.log(logging.WARNING, "%s [%s] %s", "MAXPOLL", "x", "Application maximum poll interval exceeded")
    connection.log(logging.WARNING, "%s [%s] %s", "MAXPOLL", "x", "Application maximum poll interval exceeded")
    connection.log(logging.INFO, "%s [%s] %s", "FAIL", "x", "[thrd:a]: a:9092/1: Disconnected")
    assert [(event["event"], event["log_level"]) for event in events] == [
        ("kafka.client", "warning"),
        ("kafka.client", "debug"),
    ]


def test_errors_that_belong_to_no_call(clock: Clock, events: list[Any]) -> None:
    connection = Connection("c", clock)
    for _ in range(3):
        connection.on_error(KafkaError(KafkaError._TRANSPORT, f"localhost:9092/1: {REFUSED}"))
        connection.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
        connection.on_error(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication failed"))
        connection.on_error(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "Subscribed topic not available"))
    assert [(event["event"], event["log_level"], event["text"]) for event in events] == [
        (
            "kafka.refused",
            "error",
            "SASL authentication failed: check sasl.mechanism, sasl.username and sasl.password in the kafka block",
        ),
        ("kafka.client", "warning", "Subscribed topic not available"),
    ]
    assert connection.last_error == "SASL authentication failed"
    assert connection.refused == "_AUTHENTICATION"
    refusal = connection.refusal("produce")
    assert refusal is not None
    assert (refusal.name, refusal.actionable) == ("_AUTHENTICATION", True)
    assert "sasl.password" in str(refusal)


def test_credentials_that_were_refused_are_forgotten_once_a_broker_takes_them(clock: Clock, events: list[Any]) -> None:
    connection = Connection("c", clock)
    fail(connection)
    connection.on_error(KafkaError(KafkaError._AUTHENTICATION, "no (after 5ms in state AUTH_REQ)"))
    assert (connection.last_error, connection.refused) == ("no", "_AUTHENTICATION")
    connection.on_statistics(stats(localhost="UP"))
    assert (connection.last_error, connection.refused, connection.refusal("produce")) == ("", "", None)
    assert len(events) == 3
