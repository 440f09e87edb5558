"""`precache topics`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from console.cli.configs import CONFIG_PATH, abandon_after_s, kind_of, load_kafka, load_or_fail, model_of
from console.cli.exits import FATAL, OK
from console.cli.invocation import Invocation
from console.cli.shell.groups import Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precache.config import TopicsBlock
    from precache.contract.topics import Role
    from precache.kafka.clients import Admin
    from precache.kafka.settings import TopicProblem
    from precache.runtime.deadline import Deadline

_TIMEOUT_S: Final = 30.0
_CONFIG_HELP: Final = "A bridge's, a processor's or a keeper's."

_CREATE_EPILOG = """\b
Examples:
  precache topics create --config processor.yaml --dry-run
  precache topics create --config bridge.yaml      # those that it forwards to, as well
  precache topics create --config processor.yaml --fix

\b
Exit codes:
  0  all topics are there, with the settings that they need (a warning is for you to judge)
  1  Kafka can't be reached or refuses, or a topic that is there has other settings (with the command that fixes it)
  2  bad configuration
"""

_CHECK_EPILOG = """\b
Examples:
  precache topics check --config processor.yaml

\b
Exit codes:
  0  all topics are there, with the settings that they need (a warning is for you to judge)
  1  Kafka can't be reached or refuses, or a topic is missing or has other settings (with the command that fixes it)
  2  bad configuration
"""


@click.group(cls=Group)
def topics() -> None:
    """Create and check the Kafka topics."""


@topics.command(epilog=_CREATE_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help=_CONFIG_HELP)
@click.option("--fix", is_flag=True, help="Set what may be set on topics that are there.")
@click.option("--dry-run", is_flag=True, help="Report what would be done, and do nothing.")
@click.pass_obj
def create(invocation: Invocation, path: Path, fix: bool, dry_run: bool) -> int:  # noqa: FBT001 - click's signature
    """Create the topics that are missing. Check the others; with --fix, set their settings right.

    May be run again at any time.
    """
    from precache.kafka import topics as kafka_topics

    place = _open(invocation, path)
    if dry_run:
        missing = _dry_run(place)
    else:
        missing = frozenset()
        for outcome in kafka_topics.create(place.admin, place.block, place.deadline, place.forward, place.roles):
            click.echo(str(outcome))
    errors = [error for error in _errors(place) if error.topic not in missing]
    if fix:
        errors = _fix(place, errors, dry_run=dry_run)
    return _report(errors)


@topics.command(epilog=_CHECK_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help=_CONFIG_HELP)
@click.pass_obj
def check(invocation: Invocation, path: Path) -> int:
    """Check that the topics are there, with the settings that they need. Changes nothing."""
    from precache.contract.topics import OPTIONAL_ROLES
    from precache.kafka.topics import partition_counts

    place = _open(invocation, path)
    errors = _errors(place)
    wrong = {error.topic for error in errors}
    names = [place.block.name(role) for role in dict.fromkeys((*place.roles, *OPTIONAL_ROLES))]
    for name, partitions in partition_counts(place.admin, names, place.deadline).items():
        if name not in wrong:
            click.echo(f"{name}: ok, {partitions} partitions")
    return _report(errors)


@dataclass(frozen=True, slots=True)
class _Place:
    """A Kafka, and the topics that a file names there."""

    admin: "Admin"
    block: "TopicsBlock"
    roles: "tuple[Role, ...]"
    forward: tuple[str, ...]
    deadline: "Deadline"
    path: Path
    abandon_after_s: float


def _open(invocation: Invocation, path: Path) -> _Place:
    from precache.kafka import clients
    from precache.runtime.deadline import Deadline

    invocation.configure_logs(default_level="error")
    settings = load_kafka(path)
    deadline = Deadline.after(_TIMEOUT_S)
    admin = clients.admin(settings.kafka)
    roles, forward = _needed(path)
    return _Place(admin, settings.topics, roles, forward, deadline, path, abandon_after_s(path))


def _needed(path: Path) -> "tuple[tuple[Role, ...], tuple[str, ...]]":
    """Return which topics a file needs: by role, and by name those that a bridge's file forwards to."""
    from precache.contract.topics import ROLES

    kind = kind_of(path)
    if kind == "keeper":
        return ("notifications", "wanted"), ()
    if kind != "bridge":
        return ROLES, ()
    clouds = load_or_fail(path, model_of("bridge")).clouds  # type: ignore[attr-defined]
    roles: tuple[Role, ...] = (*ROLES, "instances") if any(cloud.boots for cloud in clouds) else ROLES
    return roles, tuple(dict.fromkeys(topic for cloud in clouds for topic in cloud.forward))


def _errors(place: _Place) -> "list[TopicProblem]":
    """Return what is wrong, then what may lose records one day."""
    from precache.kafka import durability
    from precache.kafka import topics as kafka_topics

    return [
        *kafka_topics.check(place.admin, place.block, place.roles, place.deadline, str(place.path)),
        *durability.check(place.admin, place.block, place.roles, place.deadline, place.abandon_after_s),
    ]


def _fix(place: _Place, errors: "Sequence[TopicProblem]", *, dry_run: bool) -> "list[TopicProblem]":
    """Set what may be set; return what is still wrong after that."""
    from precache.kafka import settings

    fixable = [error for error in errors if error.setting is not None]
    if not dry_run:
        settings.fix(place.admin, fixable, place.deadline)
    for error in fixable:
        key, value = error.setting or ("", "")
        click.echo(f"{error.topic}: {'would set' if dry_run else 'set'} {key}={value}")
    return [error for error in errors if error.setting is None]


def _report(errors: "Sequence[TopicProblem]") -> int:
    for error in errors:
        click.echo(f"precache: {'warning: ' if error.is_warning else ''}{error}", err=True)
    return OK if all(error.is_warning for error in errors) else FATAL


def _dry_run(place: _Place) -> frozenset[str]:
    """Report what would be done; return the topics that are missing."""
    from precache.contract.topics import SPECS
    from precache.kafka.durability import copy_settings
    from precache.kafka.topics import FORWARD_SETTINGS, copies_for, partition_counts

    copies = copies_for(place.admin, place.block, place.deadline)
    wanted = {place.block.name(role): SPECS[role].settings for role in place.roles}
    counts = {place.block.name(role): SPECS[role].partitions for role in place.roles}
    wanted |= {name: dict(FORWARD_SETTINGS) for name in place.forward if name not in wanted}
    there = partition_counts(place.admin, wanted, place.deadline)
    for name, config in wanted.items():
        if name in there:
            click.echo(f"{name}: is there already, {there[name]} partitions")
        else:
            count = counts.get(name) or place.block.partitions
            made_of = f"{_number(count, 'partition', 'partitions')}, {_number(copies, 'copy', 'copies')}"
            click.echo(f"{name}: would be created, {made_of}, {_listed(config | copy_settings(copies))}")
    return frozenset(wanted.keys() - there.keys())


def _listed(config: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in config.items())


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
