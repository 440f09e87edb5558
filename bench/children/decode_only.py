"""The least that any processor does: consume, and decode JSON. Prints how many messages it has decoded."""

import json
import sys
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

_BATCH: Final = 5_000


def main() -> None:
    """Decode until ended."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    consumer = Consumer(
        {
            "bootstrap.servers": settings["bootstrap"],
            "group.id": settings["group"],
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **settings.get("properties", {}),
        }
    )
    consumer.assign([TopicPartition(settings["topic"], partition, 0) for partition in range(settings["partitions"])])
    count = 0
    while True:
        # Waiting for a whole batch would take the whole timeout at the log's end, as `consume` does.
        messages = consumer.consume(1, 1.0)
        messages += consumer.consume(_BATCH - 1, 0)
        for message in messages:
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            orjson.loads(message.value() or b"")
        count += len(messages)
        if messages:
            print(count, flush=True)


if __name__ == "__main__":
    main()
