"""Kafka: its errors as ours, its clients with settings that keep the promises, and its topics."""
