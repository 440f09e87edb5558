"""Prints each operation that ended. Needs confluent-kafka: `pip install confluent-kafka`, then `python ended.py`."""

import json
import os

from confluent_kafka import Consumer

FINAL = {"completed", "completed_with_errors", "abandoned"}

consumer = Consumer(
    {
        "bootstrap.servers": os.environ.get("BOOTSTRAP", "localhost:9092"),
        "group.id": os.environ.get("GROUP", "example-ended"),
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        # With TLS and SASL: "security.protocol": "sasl_ssl", "sasl.mechanism": ..., "sasl.username": ..., ...
    }
)
consumer.subscribe([os.environ.get("TOPIC", "precache.operations")])
while True:
    message = consumer.poll(1.0)
    if message is None or message.error() or message.value() is None:
        continue
    if dict(message.headers() or []).get("ce_type") != b"io.precache.operation.v1":
        continue
    record = json.loads(message.value())
    if record["status"] in FINAL:
        hosts = f"{record['hosts_done']} of {record['hosts_total']} hosts"
        print(f"{record['operation']} {record['status']} revision {record['revision']}: {hosts}", flush=True)
