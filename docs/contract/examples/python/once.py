"""Acts on each end of an operation once, also after a crash: deduplicates by `ce_id`, and resumes where it was.

What was done is noted in the same database transaction as the deed itself (here: a row). Offsets are committed after
it. Killed in between, the record comes again, its `ce_id` is known, and it is passed over.
"""

import json
import os
import sqlite3

from confluent_kafka import Consumer

FINAL = {"completed", "completed_with_errors", "abandoned"}

database = sqlite3.connect(os.environ.get("DATABASE", "once.db"), isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS seen (source TEXT, id TEXT, PRIMARY KEY (source, id))")
database.execute("CREATE TABLE IF NOT EXISTS done (operation TEXT, revision INTEGER, status TEXT)")
consumer = Consumer(
    {
        "bootstrap.servers": os.environ.get("BOOTSTRAP", "localhost:9092"),
        "group.id": os.environ.get("GROUP", "example-once"),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
    }
)
consumer.subscribe([os.environ.get("TOPIC", "precache.operations")])
while True:
    message = consumer.poll(1.0)
    if message is None or message.error():
        continue
    headers = dict(message.headers() or [])
    if message.value() is not None and headers.get("ce_type") == b"io.precache.operation.v1":
        record = json.loads(message.value())
        database.execute("BEGIN")
        identity = (headers["ce_source"].decode(), headers["ce_id"].decode())
        new = database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", identity).rowcount
        if new and record["status"] in FINAL:
            deed = (record["operation"], record["revision"], record["status"])
            database.execute("INSERT INTO done VALUES (?, ?, ?)", deed)
        database.execute("COMMIT")
    consumer.commit(message, asynchronous=False)
