"""`precache topics`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from console.configs import CONFIG_PATH, kind_of, load_kafka, load_or_fail, model_of
from console.exits import FATAL, OK
from console.invocation import Invocation

if TYPE_CHECKING:
    from precache.service.config import TopicsBlock
    from precache.service.deadline import Deadline
    from precache.service.kafka.clients import Admin

_TIMEOUT_S: Final = 30.0

_EPILOG = """\b
Examples:
  precache topics create --config processor.yaml --dry-run
  precache topics create --config bridge.yaml      # those that it forwards to, as well

\b
Exit codes:
  0  all topics are there, with the settings that they need
  1  Kafka can't be reached or refuses, or a topic that is there has other settings (with the command that mends it)
  2  bad configuration
"""


@click.group()
def topics() -> None:
    """Create the Kafka topics with the settings that they need."""


@topics.command(epilog=_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help="A bridge's or a processor's.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_obj
def create(invocation: Invocation, path: Path, dry_run: bool) -> int:  # noqa: FBT001 - click's signature
    """Create the topics that are not there. What is there is left alone, and checked. May be run again at any time."""
    from precache.service.config.blocks import ROLES
    from precache.service.deadline import Deadline
    from precache.service.kafka import clients
    from precache.service.kafka import topics as kafka_topics

    invocation.configure_logs(default_level="error")
    settings = load_kafka(path)
    forward = _forwarded(path)
    admin = clients.admin(settings.kafka)
    deadline = Deadline.after(_TIMEOUT_S)
    if dry_run:
        missing = _dry_run(admin, settings.topics, forward, deadline)
    else:
        missing = frozenset()
        for outcome in kafka_topics.create(admin, settings.topics, deadline, forward):
            click.echo(str(outcome))
    faults = kafka_topics.check(admin, settings.topics, ROLES, deadline, str(path))
    real = [fault for fault in faults if fault.topic not in missing]
    for fault in real:
        click.echo(f"precache: {fault}", err=True)
    return FATAL if real else OK


def _forwarded(path: Path) -> tuple[str, ...]:
    """Return the further topics that a bridge's file forwards to."""
    if kind_of(path) != "bridge":
        return ()
    config = load_or_fail(path, model_of("bridge"))
    return tuple(dict.fromkeys(topic for cloud in config.clouds for topic in cloud.forward))  # type: ignore[attr-defined]


def _dry_run(admin: "Admin", block: "TopicsBlock", forward: Iterable[str], deadline: "Deadline") -> frozenset[str]:
    """Say what would be done; return the topics that are missing."""
    from precache.contract.topics import SPECS
    from precache.service.config.blocks import ROLES
    from precache.service.kafka.topics import FORWARD_SETTINGS, partition_counts

    settings = {block.name(role): SPECS[role].settings for role in ROLES}
    settings |= {name: dict(FORWARD_SETTINGS) for name in forward if name not in settings}
    there = partition_counts(admin, settings, deadline)
    for name, config in settings.items():
        if name in there:
            click.echo(f"{name}: is there already, {there[name]} partitions")
        else:
            listed = ", ".join(f"{key}={value}" for key, value in config.items())
            click.echo(f"{name}: would be created, {block.partitions} partitions, {listed}")
    return frozenset(settings.keys() - there.keys())
