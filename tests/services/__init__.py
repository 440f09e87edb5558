"""The real servers that the tests run on: RabbitMQ, Kafka and InfluxDB.

`python -m tests.services start` (which is what `make services` calls) finds or starts one of each and prints their
addresses as `export` lines. A test that has to restart, kill or pause a server makes one of its own instead, with
`rabbitmq.Node`, `kafka.Node` or `influxdb.Node`, or a Kafka of three nodes with `kafka_cluster.Cluster`.

Standard library only, and nothing of the product: what starts the servers must not need what they are there to test.
"""
