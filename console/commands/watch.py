"""`precache watch`."""

from pathlib import Path

import click

from console.cli.configs import CONFIG_PATH, kafka_at, load_kafka
from console.cli.durations import DURATION
from console.cli.exits import USAGE, Failure
from console.cli.invocation import Invocation
from console.cli.transport_url import VARIABLE, from_file, given
from console.watch.feed import Feed
from console.watch.follow import Want
from precache.contract.identity import SEPARATOR

# What the contract calls a cloud that is watched without a name.
_LOCAL = "local"
# Nova's default in [notifications] versioned_notifications_topics.
_TOPIC = "versioned_notifications"

_CONFIG_HELP = "Take `kafka:` and `topics:` from here: a bridge's file, a processor's, or one with these alone."

_EPILOG = """\b
Examples:
  precache watch --kafka kafka.example.org:9092 --cloud paris --aggregate my-application
  precache watch --config processor.yaml --timeout 2h --fail-on-stall
  precache watch --config processor.yaml --operation paris/ccf82bd4-.../req-5f0d8a52-...
  precache watch --transport-url-file /run/secrets/paris --cloud paris --aggregate my-application

\b
Exit codes:
  0    every host has every image
  1    images failed (with or without silent hosts)
  2    wrong usage or configuration
  3    nothing failed, but hosts gave no answer
  4    abandoned; or stalled, with --fail-on-stall
  5    nothing began within --timeout
  6    cannot watch: broker, credentials, a call that hangs, internal error
  7    still running at --timeout
  130  Ctrl-C (143: SIGTERM)
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--config",
    "path",
    metavar="FILE",
    type=CONFIG_PATH,
    help=_CONFIG_HELP,
)
@click.option("--kafka", metavar="HOST:PORT", help="Watch this Kafka, with the default topics.")
@click.option("--transport-url", metavar="URL", help="Watch a cloud's RabbitMQ itself, without Kafka: as in nova.conf.")
@click.option(
    "--transport-url-file",
    metavar="FILE",
    type=CONFIG_PATH,
    help=f"The same, read from a file: no password in `ps`. Or set {VARIABLE}.",
)
@click.option("--exchange", default="nova", show_default=True, help="Nova's, for --transport-url.")
@click.option("--topic", default=_TOPIC, show_default=True, help="Nova's notification topic, for --transport-url.")
@click.option("--cloud", default="", help="Only this cloud; with --transport-url, its name (default: local).")
@click.option("--aggregate", metavar="NAME|UUID", default="", help="Only this aggregate.")
@click.option("--operation", metavar="ID", default="", help="This operation, begun or over.")
@click.option("--timeout", "timeout_s", type=DURATION, help="Give up after so long, such as 90s or 2h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event, one a line.")
@click.option("--fail-on-stall", is_flag=True, help="End with 4 at a stall, instead of a warning.")
@click.pass_obj
def watch(  # noqa: PLR0917 - click's options
    invocation: Invocation,
    path: Path | None,
    kafka: str | None,
    transport_url: str | None,
    transport_url_file: Path | None,
    exchange: str,
    topic: str,
    cloud: str,
    aggregate: str,
    operation: str,
    timeout_s: float | None,
    as_json: bool,  # noqa: FBT001 - click's signature
    fail_on_stall: bool,  # noqa: FBT001 - click's signature
) -> int:
    """Follow the first matching operation that begins from now on, and exit with how it went.

    Says "watching ..." on stderr when it is ready: ask Nova to cache only after that.
    """
    from console.watch.loop import watch as run
    from console.watch.screens import screen_for

    if path is None and kafka is None:
        transport_url = given(transport_url, transport_url_file)
    elif transport_url_file is not None:
        transport_url = from_file(transport_url_file)
    if sum(source is not None for source in (path, kafka, transport_url)) != 1:
        raise Failure(
            "watch what? Give one of --config FILE, --kafka HOST:PORT (for what a processor makes of it), or "
            "--transport-url[-file] (a cloud's RabbitMQ, without Kafka). See `precache watch --help`",
            USAGE,
        )
    if operation and operation.count(SEPARATOR) < 2:  # noqa: PLR2004 - the id's three parts
        raise Failure(f"--operation should be CLOUD/AGGREGATE_UUID/REQUEST_ID, not {operation!r}", USAGE)
    invocation.configure_logs(default_level="error")
    if transport_url is None:
        feed = _kafka_feed(path, kafka or "", operation)
    else:
        feed = _transport_feed(transport_url, cloud, exchange, topic)
    want = Want(cloud, aggregate, operation, from_start=transport_url is not None)
    screen = screen_for(as_json=as_json, timeout_s=timeout_s)
    return run(feed, want, screen, timeout_s=timeout_s, fail_on_stall=fail_on_stall)


def _kafka_feed(path: Path | None, kafka: str, operation: str) -> Feed:
    settings = load_kafka(path) if path is not None else kafka_at(kafka)
    from console.watch.kafka_feed import KafkaFeed

    return KafkaFeed(settings, operation, _say)


def _transport_feed(transport_url: str, cloud: str, exchange: str, topic: str) -> Feed:
    from console.watch.transport_feed import TransportFeed

    return TransportFeed(transport_url, cloud=cloud or _LOCAL, exchange=exchange, topic=topic, emit=_say)


def _say(text: str) -> None:
    click.echo(text, err=True)
