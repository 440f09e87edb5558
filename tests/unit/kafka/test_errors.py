from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from precache.kafka import codes, connection
from precache.kafka.errors import (
    KafkaAbortable,
    KafkaCallError,
    KafkaFatal,
    KafkaFenced,
    KafkaRejected,
    KafkaRetry,
    classify,
    kafka_errors,
    translate,
)

CODES = {name: value for name, value in vars(KafkaError).items() if isinstance(value, int) and name == name.upper()}


def test_there_are_codes() -> None:
    assert len(CODES) > 150


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_of_librdkafka_has_a_decision(name: str) -> None:
    error = KafkaError(CODES[name])
    assert error.name() == name
    assert name in codes.DECISIONS
    assert issubclass(classify(error), KafkaCallError)


def test_no_code_is_named_twice_or_does_not_exist() -> None:
    groups = [value for name, value in vars(codes).items() if name.startswith("_") and isinstance(value, str)]
    words = [word for group in groups for word in group.split() if word in codes.DECISIONS]
    assert len(words) == len(set(words))
    assert set(codes.DECISIONS) == set(CODES)
    assert set(codes.ADVICE) <= set(CODES)
    assert set(codes.ADVICE) >= connection._CREDENTIALS


@pytest.mark.parametrize(
    ("code", "kind", "actionable"),
    [
        (KafkaError._TRANSPORT, KafkaRetry, False),
        (KafkaError._MSG_TIMED_OUT, KafkaRetry, False),
        (KafkaError._PURGE_QUEUE, KafkaRetry, False),
        (KafkaError.NOT_ENOUGH_REPLICAS, KafkaRetry, False),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaRetry, True),
        (KafkaError._AUTHENTICATION, KafkaRetry, True),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaRetry, True),
        (KafkaError.MSG_SIZE_TOO_LARGE, KafkaRejected, False),
        (KafkaError.INVALID_RECORD, KafkaRejected, False),
        (KafkaError._INVALID_DIFFERENT_RECORD, KafkaRetry, False),
        (KafkaError._FENCED, KafkaFenced, False),
        (KafkaError.INVALID_PRODUCER_EPOCH, KafkaFenced, False),
        (KafkaError.ILLEGAL_GENERATION, KafkaFenced, False),
        (KafkaError.TRANSACTION_ABORTABLE, KafkaAbortable, False),
        (KafkaError.UNSUPPORTED_VERSION, KafkaFatal, True),
        (KafkaError._AUTO_OFFSET_RESET, KafkaFatal, True),
    ],
)
def test_what_a_code_means(code: int, kind: type[KafkaCallError], actionable: bool) -> None:  # noqa: FBT001
    error = translate(KafkaException(KafkaError(code)), "produce")
    assert type(error) is kind
    assert error.actionable is actionable
    assert error.retry is (kind is KafkaRetry)
    assert str(error).startswith("produce: ")
    assert str(error).endswith(f"({KafkaError(code).name()})")


def flagged(code: int, *, fatal: bool = False, retriable: bool = False, abort: bool = False) -> KafkaError:
    make: Any = KafkaError
    error: KafkaError = make(code, "said", fatal, retriable, abort)
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (flagged(KafkaError._TRANSPORT, fatal=True), KafkaFenced),
        (flagged(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fatal=True), KafkaFenced),
        (flagged(KafkaError.INVALID_TRANSACTION_TIMEOUT, fatal=True), KafkaFatal),
        (flagged(KafkaError.MSG_SIZE_TOO_LARGE, abort=True), KafkaAbortable),
        (flagged(KafkaError.ILLEGAL_GENERATION, abort=True), KafkaAbortable),
        (flagged(KafkaError._FENCED, fatal=True, abort=True), KafkaFenced),
        (flagged(KafkaError._STATE, retriable=True), KafkaRetry),
        (flagged(12_345), KafkaRetry),
        (flagged(12_345, fatal=True), KafkaFenced),
    ],
)
def test_the_flags_of_an_error_come_before_its_code(error: KafkaError, kind: type[KafkaCallError]) -> None:
    assert classify(error) is kind


def test_a_code_of_the_future_is_retried_as_an_error() -> None:
    error = translate(KafkaError(12_345))
    assert type(error) is KafkaRetry
    assert error.actionable


def test_texts_say_what_to_do_next() -> None:
    error = translate(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), "read nova.notifications")
    assert "precache topics create" in str(error)


def test_no_secret_in_a_text() -> None:
    assert "hush" not in str(translate(KafkaError(KafkaError._AUTHENTICATION, "amqp://u:hush@h, password=hush")))


def test_the_context_raises_ours_with_the_cause_and_leaves_others_alone() -> None:
    with (
        pytest.raises(KafkaFenced, match=r"^commit the transaction: .*\(_FENCED\)$") as caught,
        kafka_errors("commit the transaction"),
    ):
        raise KafkaException(KafkaError(KafkaError._FENCED))
    assert isinstance(caught.value.__cause__, KafkaException)
    with pytest.raises(KafkaRetry, match="_QUEUE_FULL"), kafka_errors("produce"):
        raise BufferError("Local: Queue full")
    with pytest.raises(ZeroDivisionError), kafka_errors("produce"):
        raise ZeroDivisionError
    with pytest.raises(KafkaFatal, match="odd"), kafka_errors("produce"):
        raise KafkaException("odd")
