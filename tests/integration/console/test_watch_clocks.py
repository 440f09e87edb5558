"""`watch --operation` reads all reports of its operation, however wrong the clocks of those who wrote them were."""

import time
from dataclasses import dataclass

import msgspec
import pytest
from confluent_kafka import Producer

from console.cli.configs import KafkaSettings
from console.watch.feeds import kafka as kafka_feed
from precache.contract.operation import Operation
from precache.contract.partitions import partition_of
from precache.contract.progress import Progress
from precache.contract.topics import OPERATION_TYPE, PROGRESS_TYPE
from tests.integration.console.derived import make_topics
from tests.services.testing import Servers, Topics
from tests.support.watched import OPERATION, completed, operation, progress

AHEAD_MS = 20 * 60_000


@dataclass
class Clocked:
    """Writes to the derived topics with timestamps of the test's own, as processors with wrong clocks do."""

    producer: Producer
    topics: Topics

    def write(self, record: Operation | Progress, at_ms: int) -> None:
        is_progress = isinstance(record, Progress)
        key, kind = (OPERATION, PROGRESS_TYPE) if is_progress else (OPERATION.rpartition("/")[0], OPERATION_TYPE)
        self.producer.produce(
            self.topics.progress if is_progress else self.topics.operations,
            msgspec.json.encode(record),
            OPERATION,
            partition_of(key.encode(), 2),
            headers=[("ce_type", kind)],
            timestamp=at_ms,
        )
        assert self.producer.flush(30) == 0


@pytest.fixture
def clocked(servers: Servers, topics: Topics) -> Clocked:
    make_topics(servers.kafka, topics)
    return Clocked(Producer({"bootstrap.servers": servers.kafka}), topics)


@pytest.mark.parametrize("ahead", ["opening", "reports", "end"])
@pytest.mark.parametrize("status", ["completed", "stalled"])
def test_every_report_is_read(clocked: Clocked, servers: Servers, topics: Topics, ahead: str, status: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    stamps = {part: now_ms + AHEAD_MS * (part == ahead) for part in ("opening", "reports", "end")}
    reports = [progress(done) for done in (1, 2, 3)]
    end = completed() if status == "completed" else operation(2, "stalled", done=3)
    clocked.write(operation(1, "running"), stamps["opening"])
    for report in reports:
        clocked.write(report, stamps["reports"])
    clocked.write(end, stamps["end"])
    settings = KafkaSettings.model_validate({"kafka": {"bootstrap.servers": servers.kafka}, "topics": topics.config()})
    feed = kafka_feed.KafkaFeed(settings, kafka_feed.Reach(OPERATION), print)
    feed.open(30, lambda: None)
    try:
        assert [record.value for record in feed.poll(0)] == [end, *reports]
    finally:
        feed.close()
