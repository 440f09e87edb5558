"""Telegraf, built with just the plugins that are measured, and configured for its best on this load.

Source of the settings: Telegraf's plugin documentation; `max_undelivered_messages` above `metric_batch_size`, so that a
full batch is written at once and the flush interval is never waited for.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bench.child import Child
from tests.services.telegraf import VERSION, program
from tests.services.testing import Bucket

__all__ = ["VERSION", "kafka_to_influx", "rabbit_to_kafka"]

_AGENT: Final = """
[agent]
  interval = "1s"
  flush_interval = "200ms"
  flush_jitter = "0s"
  metric_batch_size = {batch}
  metric_buffer_limit = 200000
  omit_hostname = true
  quiet = true
"""

# The template makes the message as it came the record's value, so that what arrived can be checked.
_RABBIT_TO_KAFKA: Final = """
[[inputs.amqp_consumer]]
  brokers = [{amqp}]
  username = {user}
  password = {password}
  exchange = ""
  queue = {queue}
  queue_passive = true
  queue_durability = "transient"
  binding_key = ""
  prefetch_count = {prefetch}
  max_undelivered_messages = {undelivered}
  data_format = "value"
  data_type = "string"
  name_override = "nova"

[[outputs.kafka]]
  brokers = [{kafka}]
  topic = {topic}
  version = "3.6.0"
  required_acks = -1
  compression_codec = 3
  idempotent_writes = false
  {serializer}
"""

SERIALIZERS: Final[Mapping[str, str]] = {
    "influx": 'data_format = "influx"\n  influx_max_line_bytes = 0',
    "template": 'data_format = "template"\n  template = \'{{ .Field "value" }}\'',
}

# As many fields as our points have, of the same types, since most of the cost of a point is InfluxDB's and goes by its
# fields. hosts_done, hosts_failed and percent need state, so here they hold what one notification has to say of them.
_KAFKA_TO_INFLUX: Final = r"""
[[inputs.kafka_consumer]]
  brokers = [{kafka}]
  topics = [{topic}]
  consumer_group = {group}
  offset = "oldest"
  version = "3.6.0"
  max_undelivered_messages = {undelivered}
  max_message_len = 1000000
  data_format = "json_v2"
  [[inputs.kafka_consumer.json_v2]]
    measurement_name = "precache_progress"
    timestamp_path = "timestamp"
    timestamp_format = "2006-01-02T15:04:05.000000Z"
    timestamp_timezone = "UTC"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = 'payload.nova_object\.data.uuid'
      rename = "aggregate_uuid"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = 'payload.nova_object\.data.name'
      rename = "aggregate_name"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = 'payload.nova_object\.data.host'
      rename = "host"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = "context.request_id"
      rename = "operation"
      type = "string"
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.index'
      rename = "index"
      type = "int"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.total'
      rename = "hosts_total"
      type = "int"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.images_cached.#'
      rename = "images_cached_count"
      type = "int"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.images_failed.#'
      rename = "images_failed_count"
      type = "int"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.images_cached|@tostr'
      rename = "images_cached"
      type = "string"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.images_failed|@tostr'
      rename = "images_failed"
      type = "string"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.index'
      rename = "hosts_done"
      type = "int"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.images_failed.#'
      rename = "hosts_failed"
      type = "int"
      optional = true
    [[inputs.kafka_consumer.json_v2.field]]
      path = 'payload.nova_object\.data.index'
      rename = "percent"
      type = "float"
      optional = true

[[outputs.influxdb_v2]]
  urls = [{url}]
  token = {token}
  organization = {org}
  bucket = {bucket}
  content_encoding = {encoding}
"""


def _text(value: str) -> str:
    """Quote for TOML, whose basic strings are JSON's."""
    return json.dumps(value)


def _start(name: str, config: str, folder: Path) -> Child:
    file = folder / f"{name}.toml"
    file.write_text(config)
    return Child(name, [program(), "--config", file], folder)


def rabbit_to_kafka(
    folder: Path,
    transport_url: str,
    queue: str,
    bootstrap: str,
    topic: str,
    *,
    serializer: str = "influx",
    batch: int = 5_000,
    undelivered: int = 10_000,
) -> Child:
    """Start it: a queue to a topic, acknowledged after Kafka's own acknowledgement."""
    parts = urlsplit(transport_url)
    bridge = _RABBIT_TO_KAFKA.format(
        amqp=_text(f"amqp://{parts.hostname}:{parts.port}{parts.path}"),
        user=_text(unquote(parts.username or "")),
        password=_text(unquote(parts.password or "")),
        queue=_text(queue),
        prefetch=undelivered,
        undelivered=undelivered,
        kafka=_text(bootstrap),
        topic=_text(topic),
        serializer=SERIALIZERS[serializer],
    )
    return _start("telegraf", _AGENT.format(batch=batch) + bridge, folder)


def kafka_to_influx(
    folder: Path,
    bootstrap: str,
    topic: str,
    bucket: Bucket,
    *,
    batch: int = 5_000,
    undelivered: int = 20_000,
    encoding: str = "identity",
) -> Child:
    """Start it: a topic to a bucket, stateless: each notification becomes the fields that it holds by itself."""
    store = _KAFKA_TO_INFLUX.format(
        kafka=_text(bootstrap),
        topic=_text(topic),
        group=_text(f"{bucket.name}-telegraf"),
        undelivered=undelivered,
        url=_text(bucket.url),
        token=_text(bucket.token),
        org=_text(bucket.org),
        bucket=_text(bucket.name),
        encoding=_text(encoding),
    )
    return _start("telegraf", _AGENT.format(batch=batch) + store, folder)
