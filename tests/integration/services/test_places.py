"""Each test has a place of its own on the real servers, and what was there before is not in it."""

from collections.abc import Callable

import pika
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from tests.services.testing import Bucket, Cloud, Servers, Topics


def test_two_clouds_share_no_virtual_host_and_no_name(make_cloud: Callable[[], Cloud]) -> None:
    one, other = make_cloud(), make_cloud()
    assert {one.exchange, one.topic}.isdisjoint({other.exchange, other.topic})
    if one.api_url is not None:
        assert one.vhost != other.vhost


def test_a_message_put_into_a_cloud_can_be_got_from_it(cloud: Cloud) -> None:
    parameters = pika.URLParameters(cloud.transport_url.replace("rabbit://", "amqp://"))
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.exchange_declare(cloud.exchange, "topic")
        channel.queue_declare(f"{cloud.topic}.info")
        channel.queue_bind(f"{cloud.topic}.info", cloud.exchange, f"{cloud.topic}.info")
        channel.basic_publish(cloud.exchange, f"{cloud.topic}.info", b"hello")
        _, _, body = channel.basic_get(f"{cloud.topic}.info", auto_ack=True)
    assert body == b"hello"


def test_the_api_sees_the_queues_of_the_cloud(cloud: Cloud) -> None:
    status, _ = cloud.api("PUT", "queues/{vhost}/own", {"durable": True})
    assert status == 201
    assert cloud.queue("own")["durable"] is True
    assert cloud.queue("other") == {}


def test_topics_are_made_under_the_tests_own_names(servers: Servers, topics: Topics) -> None:
    admin = AdminClient({"bootstrap.servers": servers.kafka})
    assert topics.notifications not in admin.list_topics(timeout=30).topics
    admin.create_topics([NewTopic(topics.notifications, 2, 1)])[topics.notifications].result(timeout=30)
    delivered: list[object] = []
    producer = Producer({"bootstrap.servers": servers.kafka})
    producer.produce(topics.notifications, b"hello", on_delivery=lambda error, _: delivered.append(error))
    assert producer.flush(30) == 0
    assert delivered == [None]


def test_a_topic_that_nobody_made_does_not_appear(servers: Servers, topics: Topics) -> None:
    delivered: list[object] = []
    producer = Producer({"bootstrap.servers": servers.kafka, "message.timeout.ms": 2000, "retries": 0})
    producer.produce(topics.progress, b"hello", on_delivery=lambda error, _: delivered.append(error))
    assert producer.flush(30) == 0
    assert len(delivered) == 1
    assert delivered[0] is not None


def test_a_bucket_starts_empty_and_takes_points(bucket: Bucket) -> None:
    query = f'from(bucket: "{bucket.name}") |> range(start: 0)'
    with InfluxDBClient(bucket.url, bucket.token, org=bucket.org) as client:
        assert client.query_api().query(query) == []
        client.write_api(SYNCHRONOUS).write(bucket.name, record="m value=1i")
        tables = client.query_api().query(query)
    assert [record.get_value() for table in tables for record in table.records] == [1]
