"""On what it was measured: the machine, and the version of everything that took part."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from bench.peers import quix, telegraf
from bench.regression import calibration_ns
from tests.services import influxdb, kafka


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return "unknown"


def _rabbitmq_version() -> str:
    asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", "rabbitmq-server"], check=False, capture_output=True)
    return asked.stdout.decode() or "unknown"


def facts() -> dict[str, str]:
    """Return what has to stand beside any figure."""
    memory_gib = int(_first("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    processor = _first("/proc/cpuinfo", "model name")
    packages = ("nova-precache", "pika", "orjson", "influxdb-client")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} x {processor}, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()) + " (1, 5, 15 minutes)",
        "servers": f"RabbitMQ {_rabbitmq_version()}, Kafka {kafka.VERSION}, InfluxDB {influxdb.VERSION}, all here",
        "precache": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + f", confluent-kafka {version('confluent-kafka')} (librdkafka {confluent_kafka.libversion()[0]})",
        "calibration": f"{calibration_ns():.0f} ns of CPU to read one notification by orjson",
        "peers": f"Telegraf {telegraf.VERSION}, Quix Streams {quix.VERSION}",
    }
