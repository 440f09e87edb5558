"""The bridge against Telegraf: a backlog in RabbitMQ, to Kafka, acknowledged after delivery."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from bench import check, product
from bench.cache import emit
from bench.child import Child, wait_for
from bench.compare import interleave
from bench.context import Bench
from bench.load import rabbit
from bench.load.bodies import Maker
from bench.load.plan import Plan
from bench.measure import Drain, Sample, drain
from bench.peers import telegraf
from bench.result import Result, compared
from bench.servers import Servers, unique
from tests.services.network import call
from tests.services.testing import Topics

CLOUD: Final = "cloud00"

# Heartbeats lie in the topic before the first notification does.
_HEARTBEATS_MAX: Final = 4

# With the clouds' names, the topics and Nova's topic: starts a program.
Start = Callable[[Topics, str], Child]


def start_bridge(bench: Bench, topics: Topics, topic: str) -> Child:
    """Start our bridge on one cloud."""
    return product.bridge(bench.servers, topics, [product.Cloud(CLOUD, topic)])


def start_telegraf(bench: Bench, topics: Topics, topic: str) -> Child:
    """Start Telegraf on the same queue; it forwards bodies as they are."""
    servers = bench.servers
    url = servers.rabbitmq.transport_url
    return telegraf.rabbit_to_kafka(
        bench.folder, url, f"{topic}.info", servers.bootstrap, topics.notifications, serializer="template"
    )


def forwarded(servers: Servers, topics: Topics, heartbeats: int = _HEARTBEATS_MAX) -> Callable[[], int]:
    """Return a count of what has come out; a topic with nothing but heartbeats is empty."""

    def count() -> int:
        found = sum(servers.end_offsets(topics.notifications))
        return found if found > heartbeats else 0

    return count


def queued(servers: Servers, topic: str) -> int:
    """Return how many messages are in a queue, those that are not acknowledged included (up to a second ago)."""
    node = servers.rabbitmq
    vhost = node.transport_url.rsplit("/", 1)[1]
    _, queue = call(
        "GET", f"{node.api_url}/api/queues/{vhost}/{topic}.info", user=("precache", node.password), timeout_s=30
    )
    # A queue that was just made has no figures yet.
    return int((queue or {}).get("messages", -1))


def one_drain(bench: Bench, start: Start, bodies: Iterable[bytes], wanted: set[str]) -> Sample:
    """Fill a queue, start a program on it, and hold what comes out against what is wanted."""
    servers = bench.servers
    url = servers.rabbitmq.transport_url
    topic = unique("bench")
    with servers.derived_topics() as topics:
        rabbit.declare(url, topic)
        try:
            count = rabbit.fill(url, topic, bodies)
            with start(topics, topic) as child:
                what = Drain(count, forwarded(servers, topics), len(wanted), servers.pids())
                sample = drain(child, what)
                # Acknowledged, too: both do that after Kafka has said that it has the message.
                wait_for(lambda: queued(servers, topic) == 0, f"{child.name} to acknowledge all", 30)
            check.every_message(servers, topics.notifications, wanted)
        finally:
            rabbit.delete(url, topic)
    return sample


def run(bench: Bench) -> list[Result]:
    """Measure."""
    plan = Plan(clouds=1, operations=bench.size(1_000, 25), hosts=198)
    maker = Maker(plan)
    wanted = {event.message_id for event in plan.stream()}

    def once(start: Any) -> Sample:
        bodies = (maker.body(event) for event in plan.stream())
        return one_drain(bench, partial(start, bench), bodies, wanted)

    _ = bench.servers.rabbitmq, bench.servers.bootstrap
    if not bench.quick:
        emit("  once without measuring: servers that have just begun are slower than those that have run for a while")
        once(start_bridge)
    found = interleave(partial(once, start_bridge), partial(once, start_telegraf), bench.runs)
    what = f"bridge: {plan.events:,} real notifications of 1.6 kB, RabbitMQ to Kafka, acknowledged after delivery"
    against = f"Telegraf {telegraf.VERSION}: amqp_consumer (value) to outputs.kafka (acks all, lz4); it does not decode"
    return [compared("bridge", what, against, found, goal=1.0)]
