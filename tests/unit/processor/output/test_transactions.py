"""The transactional producer through its failures, by a producer that answers by script."""

import threading
from typing import Any
from unittest.mock import create_autospec

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from precache.kafka import bounded
from precache.kafka.errors import KafkaAbortable, KafkaFenced, KafkaHanging, KafkaRetry
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watched
from processor.errors import StartOver
from processor.fault_points import FaultPoints
from processor.output.encode import OutputRecord
from processor.output.transactions import Transactions
from processor.shutdown import ShutdownGrace

RECORD = OutputRecord("precache.progress", -1, b"key", b"value", [])


def failure(code: int, *, abortable: bool = False, fatal: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "as the script says", fatal, False, abortable))


@pytest.fixture
def producer() -> Any:
    return create_autospec(Producer, instance=True, spec_set=True)


@pytest.fixture
def made(producer: Any) -> list[Any]:
    return [producer]


@pytest.fixture
def transactions(made: list[Any]) -> Transactions:
    def make() -> Producer:
        found: Producer = made.pop(0)
        return found

    def serve(_: float) -> None:
        raise AssertionError("the group was served in the middle of a round")

    target = Transactions(
        make,
        transactional_id="a",
        call_s=0.0,
        limit_s=0.0,
        serve=serve,
        grace=ShutdownGrace(Stop(), 1.0),
        watched=Watched("loop"),
        fault_points=FaultPoints(""),
    )
    target.ready()
    return target


def test_after_a_commit_that_timed_out_nothing_more_is_asked_of_the_producer(
    transactions: Transactions, producer: Any, made: list[Any]
) -> None:
    producer.commit_transaction.side_effect = failure(KafkaError._TIMED_OUT)
    transactions.begin([RECORD])
    with pytest.raises(KafkaRetry) as raised:
        transactions.commit([], [], None)
    transactions.give_up(raised.value)
    producer.abort_transaction.assert_not_called()
    successor = create_autospec(Producer, instance=True, spec_set=True)
    made.append(successor)
    transactions.ready()
    successor.init_transactions.assert_called_once()


def test_all_goes_out_in_one_transaction(transactions: Transactions, producer: Any) -> None:
    transactions.begin([RECORD])
    transactions.commit([RECORD], [], None)
    assert not transactions.begun
    assert [call[0] for call in producer.method_calls] == [
        "init_transactions",
        "begin_transaction",
        "produce",
        "produce",
        "send_offsets_to_transaction",
        "commit_transaction",
    ]


@pytest.mark.parametrize("when", ["begin", "commit"])
def test_the_reason_for_a_refusal_is_the_transactions_own(transactions: Transactions, producer: Any, when: str) -> None:
    """Once a record was refused, `produce` says no more than that the state is wrong."""
    producer.send_offsets_to_transaction.side_effect = failure(KafkaError.TOPIC_AUTHORIZATION_FAILED, abortable=True)
    if when == "begin":
        producer.produce.side_effect = failure(KafkaError._STATE)
    transactions.begin([RECORD])
    producer.produce.side_effect = failure(KafkaError._STATE)
    with pytest.raises(KafkaAbortable) as caught:
        transactions.commit([RECORD], [], None)
    assert caught.value.name == "TOPIC_AUTHORIZATION_FAILED"
    transactions.give_up(caught.value)
    producer.abort_transaction.assert_called_once()


def test_what_was_not_taken_is_not_committed_though_the_offsets_were(transactions: Transactions, producer: Any) -> None:
    producer.produce.side_effect = failure(KafkaError._STATE)
    transactions.begin([RECORD])
    with pytest.raises(KafkaFenced):
        transactions.commit([], [], None)
    producer.commit_transaction.assert_not_called()
    assert transactions.begun, "give_up has nothing to abort"


def test_a_new_transaction_knows_nothing_of_the_last_ones_refusal(transactions: Transactions, producer: Any) -> None:
    producer.produce.side_effect = failure(KafkaError._STATE)
    transactions.begin([RECORD])
    transactions.give_up()
    producer.produce.side_effect = None
    transactions.begin([RECORD])
    transactions.commit([], [], None)
    producer.commit_transaction.assert_called_once()


def test_a_round_does_not_begin_with_a_producer_that_could_not_abort(
    transactions: Transactions, producer: Any, made: list[Any]
) -> None:
    """To make another one serves the group: the round's partitions could be somebody else's by then."""
    transactions.begin([RECORD])
    producer.abort_transaction.side_effect = failure(KafkaError._TIMED_OUT)
    transactions.give_up()
    made.append(create_autospec(Producer, instance=True, spec_set=True))
    with pytest.raises(StartOver):
        transactions.begin([RECORD])
    assert made, "a producer was made in the middle of a round"
    transactions.ready()
    transactions.begin([RECORD])


def test_a_producer_whose_call_does_not_return_is_left_behind(
    transactions: Transactions, producer: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_OVERTIME_S", 0.05)
    released = threading.Event()
    producer.send_offsets_to_transaction.side_effect = lambda *_: released.wait(30)
    transactions.begin([RECORD])
    with pytest.raises(KafkaHanging) as caught:
        transactions.commit([], [], None)
    transactions.give_up(caught.value)
    released.set()
    producer.abort_transaction.assert_not_called()
    successor = create_autospec(Producer, instance=True, spec_set=True)
    made.append(successor)
    transactions.ready()
    successor.init_transactions.assert_called_once()
