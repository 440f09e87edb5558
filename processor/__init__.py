"""Kafka to operations to InfluxDB and derived topics: runs centrally, scales by consumer group."""
