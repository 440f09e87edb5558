"""Topics whose settings this user may not see."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from precache.config.blocks import TopicsBlock
from precache.kafka import topics
from precache.kafka.clients import Admin
from precache.kafka.connection import Connection
from precache.kafka.errors import KafkaCallError
from precache.kafka.settings import TopicProblem
from precache.runtime.deadline import Deadline

BLOCK = TopicsBlock()
DELETE = {"cleanup.policy": "delete"}
Found = dict[str, dict[str, str] | int]


class FakeAdminClient:
    """All topics are there; the settings of each are as ``found`` says, or refused with a code."""

    def __init__(self, found: Found) -> None:
        self.found = found

    def list_topics(self, timeout: float) -> Any:
        del timeout
        topic = SimpleNamespace(partitions=[0, 1, 2], error=None)
        return SimpleNamespace(topics=dict.fromkeys(self.found, topic))

    def describe_configs(self, resources: list[Any], request_timeout: float) -> dict[Any, Future[Any]]:
        del request_timeout
        return {resource: self._answer(self.found[resource.name]) for resource in resources}

    def _answer(self, found: dict[str, str] | int) -> Future[Any]:
        future: Future[Any] = Future()
        if isinstance(found, int):
            future.set_exception(KafkaException(KafkaError(found)))
        else:
            future.set_result({key: SimpleNamespace(value=value) for key, value in found.items()})
        return future

    def poll(self, _timeout: float) -> int:
        return 0


def check(found: Found, *, report_hidden: bool) -> list[TopicProblem]:
    admin = Admin(cast("Any", FakeAdminClient(found)), "kafka:9092", Connection("unit"), 1_000_000)
    return topics.check(
        admin, BLOCK, ["notifications", "deadletters"], Deadline.after(5), "bridge.yaml", report_hidden=report_hidden
    )


def test_settings_that_may_not_be_seen_hide_nothing_else() -> None:
    found: Found = {BLOCK.notifications: DELETE, BLOCK.deadletters: KafkaError.TOPIC_AUTHORIZATION_FAILED}
    errors = {error.topic: error for error in check(found, report_hidden=True)}
    assert "message.timestamp.type is unset" in errors[BLOCK.notifications].text
    assert not errors[BLOCK.notifications].is_hidden
    assert errors[BLOCK.deadletters].is_hidden
    assert "grant DescribeConfigs" in errors[BLOCK.deadletters].text


@pytest.mark.parametrize(
    ("code", "report_hidden"), [(KafkaError.TOPIC_AUTHORIZATION_FAILED, False), (KafkaError._TIMED_OUT, True)]
)
def test_other_refusals_are_raised(code: int, *, report_hidden: bool) -> None:
    with pytest.raises(KafkaCallError):
        check({BLOCK.notifications: DELETE, BLOCK.deadletters: code}, report_hidden=report_hidden)
