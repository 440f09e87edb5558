"""Whether what came out is right: a fast wrong answer is no answer."""

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bench.influx import Influx
from bench.load.plan import Plan
from bench.servers import Servers

# In a value that the bridge wrote, and in an envelope as it came from RabbitMQ.
_MESSAGE_ID: Final = re.compile(rb'message_id\\?": ?\\?"([0-9a-f-]{36})')

COMPLETED: Final = 'SELECT count("hosts_done") FROM precache_operation WHERE "status" =~ /^completed/'


class WrongAnswerError(AssertionError):
    """What came out is not what went in."""


def equal(what: str, found: object, wanted: object) -> None:
    """Hold a figure against what it has to be.

    Raises:
        WrongAnswerError: they differ.
    """
    if found != wanted:
        raise WrongAnswerError(f"{what}: {found}, not {wanted}")


def records(servers: Servers, topic: str) -> Iterator[Message]:
    """Yield all committed records of a topic, up to its end as it is now."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers.bootstrap,
            "group.id": f"bench-check-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        waiting = set(range(servers.partitions(topic)))
        consumer.assign([TopicPartition(topic, partition, 0) for partition in waiting])
        while waiting:
            messages = consumer.consume(5_000, 0.5)
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == error._PARTITION_EOF:  # noqa: SLF001 - the name that the client gives it
                    waiting.discard(int(message.partition() or 0))
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def every_message(servers: Servers, topic: str, wanted: set[str]) -> None:
    """Every notification is in the topic, once, and nothing else but heartbeats.

    Raises:
        WrongAnswerError: one is missing, or there twice.
    """
    found: Counter[str] = Counter()
    for message in records(servers, topic):
        match = _MESSAGE_ID.search(message.value() or b"")
        if match is not None:
            found[match.group(1).decode()] += 1
    equal(f"{topic}: missing", len(wanted - found.keys()), 0)
    equal(f"{topic}: not sent", len(found.keys() - wanted), 0)
    equal(f"{topic}: records", found.total(), len(wanted))


def count(influx: Influx) -> float:
    """Return how many points of hosts' reports there are."""
    return influx.number('SELECT count("index") FROM precache_progress')


def points(influx: Influx, plan: Plan) -> None:
    """Every report of a host is a point.

    Raises:
        WrongAnswerError: they are not as many.
    """
    equal("points", count(influx), plan.progress_events)


def state(influx: Influx, plan: Plan) -> None:
    """The points count the hosts of their own operation, and every operation has its row with the right status.

    Raises:
        WrongAnswerError: a sum differs.
    """
    points(influx, plan)
    done = plan.all_operations * plan.hosts * (plan.hosts + 1) // 2
    equal("sum of hosts_done", influx.number('SELECT sum("hosts_done") FROM precache_progress'), done)
    equal("operations", influx.number('SELECT count("hosts_done") FROM precache_operation'), plan.all_operations)
    total = influx.number('SELECT sum("hosts_done") FROM precache_operation')
    equal("hosts of all operations", total, plan.progress_events)
    if plan.ended:
        equal("operations that have ended", influx.number(COMPLETED), plan.all_operations)


def derived(servers: Servers, progress: str, operations: str, deadletters: str, plan: Plan) -> None:
    """The derived topics hold every progress once, and the end of every operation, and no dead letter.

    Raises:
        WrongAnswerError: they do not.
    """
    ids = [orjson.loads(message.value() or b"")["message_id"] for message in records(servers, progress)]
    equal("progress records", len(ids), plan.progress_events)
    equal("different progress records", len(set(ids)), plan.progress_events)
    last: dict[str, dict[str, Any]] = {}
    for message in records(servers, operations):
        record = orjson.loads(message.value() or b"")
        last[record["operation"]] = record
    equal("operations with a record", len(last), plan.all_operations)
    if plan.ended:
        done = sum(record["hosts_done"] for record in last.values() if record["final_at"])
        equal("hosts of operations that have ended", done, plan.progress_events)
    equal("dead letters", sum(1 for _ in records(servers, deadletters)), 0)
