"""Runs the bridge: one worker for each cloud, so that one cloud's errors stay its own."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from bridge.config import BridgeConfig, CloudBlock
from bridge.decode import compression as contenttype
from bridge.decode.message import Decoder
from bridge.delivery.breaker import Breaker
from bridge.delivery.dead_letters import Letters
from bridge.delivery.forwarder import Forwarder
from bridge.delivery.producer import CloudProducer
from bridge.metrics import CloudMetrics
from bridge.source import transport_url as transport
from bridge.source.api import MessageSource
from bridge.source.oslo import OsloSource
from bridge.source.rabbit import RabbitSource
from bridge.worker import CloudSettings, Worker
from precache.kafka import clients
from precache.kafka.connection import Connection
from precache.runtime.deadline import Deadline
from precache.runtime.health import Health
from precache.runtime.http import HttpServer
from precache.runtime.logs import log
from precache.runtime.metrics import build_info
from precache.runtime.shutdown import Stop
from precache.runtime.watchdog import Watchdog, WatchdogLimits, Watched

_CRASH_PAUSE_S: Final = 5.0
# What fifty clouds and more get.
_MOST_LINGER_MS: Final = 20


def run(config: BridgeConfig, stop: Stop, limits: WatchdogLimits | None = None) -> None:
    """Bridge every cloud of the configuration until the stop is requested.

    Args:
        config: ``bridge.yaml``.
        stop: asks for the end.
        limits: how long a cloud's worker may be silent. One that hangs ends the process, with all clouds: Python can't
            end a thread.

    Raises:
        KafkaFatal: the Kafka properties do not fit together.
        ListenError: the address of ``http.listen`` can't be listened on.
    """
    watchdog = Watchdog(limits)
    health = Health(watchdog)
    for cloud in config.clouds:
        health.set(f"cloud:{cloud.name}", False, "starting")
    build_info("bridge", config.instance)
    http = HttpServer(config.http.listen, health) if config.http is not None else None
    if http is not None:
        http.start()
    log.info("bridge.starting", instance=config.instance, clouds=[cloud.name for cloud in config.clouds])
    threads = [
        threading.Thread(
            target=_keep_working, args=(config, cloud, health, stop, watchdog), name=f"cloud-{cloud.name}", daemon=True
        )
        for cloud in config.clouds
    ]
    with watchdog.running():
        for thread in threads:
            thread.start()
        stop.wait()
    log.info("bridge.stopping", reason=stop.reason)
    # A worker that hangs in a client's call must not hold up the others, nor the end.
    deadline = Deadline.after(config.shutdown_timeout)
    for thread in threads:
        thread.join(deadline.left())
    if http is not None:
        http.stop()
    left = [thread.name for thread in threads if thread.is_alive()]
    log.info("bridge.ended", hanging=left)


def _keep_working(config: BridgeConfig, cloud: CloudBlock, health: Health, stop: Stop, watchdog: Watchdog) -> None:
    """Run a cloud's worker; begin again should it fail in a way that nobody thought of."""
    metrics = CloudMetrics(cloud.name)
    watched = watchdog.watch(f"cloud:{cloud.name}")
    while not stop.requested:
        watched.round_ended()
        try:
            make_worker(config, cloud, metrics, health, stop, watched).run()
        except Exception as error:  # noqa: BLE001 - the other clouds go on, and this one is tried again
            health.set(f"cloud:{cloud.name}", False, f"failed, and begins again: {type(error).__name__}: {error}")
            log.exception("bridge.failed", cloud=cloud.name)
            stop.wait(_CRASH_PAUSE_S)


def make_worker(  # noqa: PLR0917 - what all workers share, and what is this cloud's
    config: BridgeConfig, cloud: CloudBlock, metrics: CloudMetrics, health: Health, stop: Stop, watched: Watched
) -> Worker:
    """Return a cloud's worker, with a source and a producer of its own."""

    def stopped() -> bool:
        # A source asks again and again while it waits, for as long as it likes.
        watched.beat()
        return stop.requested

    read = transport.read(cloud.transport_url.get_secret_value(), cloud.oslo_messaging_rabbit)
    source = make_source(f"precache-bridge {config.instance} {cloud.name}", cloud, read, stopped)
    client_id = f"precache-bridge-{config.instance}-{cloud.name}"
    connection = Connection(client_id)
    make_producer = partial(
        clients.producer, config.kafka, client_id, connection, linger_ms=linger_ms(len(config.clouds))
    )
    producer = CloudProducer(make_producer, partial(make_producer, **{"batch.num.messages": 1}), connection)
    most = max_body_bytes(config.kafka.max_message_bytes)
    decoder = Decoder(cloud.name, cloud.routes(config.topics), source.properties, most)
    letters = Letters(config.topics.deadletters, cloud.name, source.queue, source.properties, most)
    settings = CloudSettings(
        name=cloud.name,
        instance=config.instance,
        notifications=config.topics.notifications,
        hold_s=cloud.hold,
        backoff_base_s=float(read.options["rabbit_retry_interval"]),
        backoff_cap_s=float(read.options["rabbit_interval_max"]),
        shutdown_s=config.shutdown_timeout,
    )
    breaker = Breaker(cloud.name, cloud.breaker.limits)
    forwarder = Forwarder(cloud.name, decoder, letters, producer, metrics, breaker)
    return Worker(
        settings=settings,
        source=source,
        forwarder=forwarder,
        breaker=breaker,
        producer=producer,
        metrics=metrics,
        health=health,
        stop=stop,
        watched=watched,
    )


def max_body_bytes(max_message_bytes: int) -> int:
    """Return the largest body that is looked into: twice what Kafka takes, since a record is shorter than its body."""
    return min(max(contenttype.MAX_BODY_BYTES, 2 * max_message_bytes), contenttype.MOST_BODY_BYTES)


def linger_ms(clouds: int) -> int:
    """Return for how many milliseconds a record waits for others of its batch: the longer, the more clouds there are.

    Clouds that are busy at once have less for each batch, and Kafka's answers come later. A producer of librdkafka
    has one request of a partition on its way, and spins while a record behind it is older than the linger: with fifty
    clouds that took a quarter of all CPU (docs/decisions/0105-librdkafka-is-busy-while-it-waits.md).
    """
    return max(clients.LINGER_MS, min(_MOST_LINGER_MS, clouds * 2 // 5))


def make_source(name: str, cloud: CloudBlock, read: transport.Transport, stopped: Callable[[], bool]) -> MessageSource:
    """Return the source that a cloud's configuration asks for; it waits for nothing once ``stopped`` says so."""
    if cloud.source == "oslo":
        url = cloud.transport_url.get_secret_value()
        return OsloSource(url, cloud.oslo_messaging_rabbit, cloud.listening, stopped)
    return RabbitSource(name, read, cloud.listening, stopped)
