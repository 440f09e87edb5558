"""Runs the demo: everything on the path is real but for Nova, RabbitMQ and Kafka's broker."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bridge import service as bridge_service
from bridge.config import CloudBlock
from console.cli.configs import KafkaSettings
from console.demo import compare, settings
from console.demo.mock_kafka import MockKafka
from console.demo.screens import DemoOutcome, DemoScreen
from console.simulator import clouds
from console.simulator.clouds import SimulatedRequest
from console.simulator.nova import Nova
from console.simulator.parts import Part, PartError
from console.simulator.rounds import send
from console.simulator.schedule import Step, schedule
from console.watch.feeds.api import CONNECT_S, Feed
from console.watch.feeds.kafka import KafkaFeed, Reach
from console.watch.follow import Follow, Want
from precache.contract.topics import SPECS
from precache.runtime.shutdown import Stop
from processor import service as processor_service

# What is not over by then never will be: the comparison shows what is missing.
_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.1


def run(store: Path, screen: DemoScreen, *, fast: bool) -> int:
    """Run the demo and return its exit code: 0, or 1 when the store is not what the clouds sent.

    Args:
        store: the SQLite file to write; it must not be there yet.
        screen: shows what happens.
        fast: hosts answer within a second instead of twenty.

    Raises:
        PartError: the bridge or the processor ended by itself.
    """
    requests = clouds.requests()
    with MockKafka() as kafka:
        config = settings.read(kafka.servers, store)
        kafka.make_topics(config.bridge.topics.name(role) for role in SPECS)
        with _path(config) as parts, _feed(config) as feed:
            screen.begin(requests)
            senders = [_sender(cloud, steps) for cloud, steps in _by_cloud(config, requests, fast=fast)]
            _follow(feed, requests, [*parts, *senders], screen)
    if not store.exists():
        raise PartError("the processor has written nothing; run it again as `precache -v demo` to see why")
    return conclude(store, requests, screen)


def conclude(store: Path, requests: Sequence[SimulatedRequest], screen: DemoScreen) -> int:
    """Compare the store with what was sent, show what came of it, and return the exit code."""
    have = compare.stored(store)
    found = compare.differences(compare.expected(requests), have)
    screen.end(DemoOutcome(store, requests, compare.operations(have), found))
    return 1 if found else 0


@contextmanager
def _path(config: settings.DemoConfig) -> Iterator[list[Part]]:
    """Run bridge and processor; on the way out, stop them in the direction in which data flows."""
    processor = Part("processor", lambda stop: processor_service.run(config.processor, stop, check_topics=False))
    bridge = Part("bridge", lambda stop: bridge_service.run(config.bridge, stop))
    with ExitStack() as stack:
        stack.callback(processor.stop)
        stack.callback(bridge.stop)
        yield [bridge, processor]


@contextmanager
def _feed(config: settings.DemoConfig) -> Iterator[Feed]:
    feed = KafkaFeed(
        KafkaSettings(kafka=config.processor.kafka, topics=config.processor.topics), Reach(), lambda _text: None
    )
    try:
        feed.open(CONNECT_S, lambda: None)
        yield feed
    finally:
        feed.close()


def _by_cloud(
    config: settings.DemoConfig, requests: Sequence[SimulatedRequest], *, fast: bool
) -> Iterator[tuple[CloudBlock, list[Step]]]:
    blocks = {cloud.name: cloud for cloud in config.bridge.clouds}
    for name, steps in schedule(requests, fast=fast).items():
        yield blocks[name], steps


def _sender(cloud: CloudBlock, steps: list[Step]) -> Part:
    """Let a simulated Nova send its notifications when they are due."""

    def run_cloud(stop: Stop) -> None:
        send(Nova(cloud.transport_url.get_secret_value(), cloud.exchange, cloud.listening.topic), steps, stop)

    return Part(f"simulated cloud {cloud.name}", run_cloud)


def _follow(feed: Feed, requests: Sequence[SimulatedRequest], parts: Sequence[Part], screen: DemoScreen) -> None:
    """Show every operation until all have ended, as `precache watch --operation` would."""
    follows = {request: Follow(Want(operation=request.operation)) for request in requests}
    limit = time.monotonic() + _LIMIT_S
    while any(follow.exit_code is None for follow in follows.values()) and time.monotonic() < limit:
        for part in parts:
            part.check()
        records = feed.poll(_POLL_S)
        now = time.monotonic()
        for request, follow in follows.items():
            for record in records:
                taken = follow.operation if record.kind == "operation" else follow.progress
                for event in taken(record.value, now):  # type: ignore[arg-type]
                    screen.show(request, event)
            for event in follow.advance(now):
                screen.show(request, event)


__all__ = ["PartError", "run"]
