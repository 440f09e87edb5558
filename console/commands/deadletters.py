"""`precache deadletters`."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.cli.configs import CONFIG_PATH, kafka_at, load_kafka
from console.cli.exits import OK, USAGE, CommandError
from console.cli.invocation import Invocation
from console.cli.output.durations import DURATION
from console.cli.output.formats import Listing, output_of, output_options
from console.cli.output.texts import json_line, printable
from console.cli.shell.groups import Group

if TYPE_CHECKING:
    from console.cli.configs import KafkaSettings

NOT_REPLAYED: Final = 3
_PLACE: Final = re.compile(r"(\d+)/(\d+)")

_LIST_EPILOG = """\b
Examples:
  precache deadletters list --config processor.yaml
  precache deadletters list --kafka kafka.example.org:9092 --cloud paris --reason late --since 24h
  precache deadletters list --config bridge.yaml -o value -c reason | sort | uniq -c

\b
Exit codes:
  0  done (also when there are none)
  1  Kafka can't be reached or refuses
  2  wrong usage or configuration
"""
_SHOW_EPILOG = """\b
Examples:
  precache deadletters show 3/1234 --config processor.yaml
  precache deadletters show 3/1234 --config processor.yaml --raw > body

\b
Exit codes:
  0  done
  1  there is none at that place, or Kafka can't be reached or refuses
  2  wrong usage or configuration
"""


def _kafka_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--kafka", metavar="HOST:PORT", help="This Kafka, with the default topics."),
        click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, help="A bridge's or a processor's file."),
    ):
        command = option(command)
    return command


_REPLAY_EPILOG = """\b
Examples:
  precache deadletters replay 3/1234 3/1235 --config bridge.yaml
  precache deadletters replay --reason internal-error --since 24h --config bridge.yaml --dry-run

\b
Exit codes:
  0  done: each was replayed, now or before (also when there are none)
  1  Kafka can't be reached or refuses: run it again
  2  wrong usage or configuration
  3  done, but some can't be replayed: stdout says why
"""


@click.group(cls=Group)
def deadletters() -> None:
    """List, show and replay what could not be used, and why (the topic precache.deadletters)."""


@deadletters.command("list", epilog=_LIST_EPILOG)
@_kafka_options
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--reason", default="", help="Only those with this word, such as late or not-json.")
@click.option("--since", "since_s", type=DURATION, help="Only what was written in the last DURATION, such as 24h.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The most to show, the newest."
)
@output_options
@click.pass_obj
def list_(
    invocation: Invocation,
    /,
    *,
    path: Path | None,
    kafka: str | None,
    cloud: str,
    reason: str,
    since_s: float | None,
    limit: int,
    **format_: Any,
) -> int:
    """List the newest dead letters, the oldest of them first."""
    invocation.configure_logs(default_level="error")
    settings = _settings(path, kafka)
    from console.deadletters.find import newest
    from console.deadletters.letters import LETTERS, Filter

    output = output_of(**format_)
    output.choose(LETTERS)
    since_ms = None if since_s is None else int((time.time() - since_s) * 1_000)
    found = newest(settings, Filter(cloud, reason), limit=limit, since_ms=since_ms, emit=_say)
    output.print(Listing(LETTERS, found))
    if len(found) == limit:
        click.echo(f"these are the newest {limit}; more with --limit", err=True)
    elif not found:
        click.echo("no dead letters", err=True)
    return OK


@deadletters.command(epilog=_SHOW_EPILOG)
@click.argument("place", metavar="PARTITION/OFFSET")
@_kafka_options
@click.option("--raw", is_flag=True, help="The body alone, byte for byte.")
@click.pass_obj
def show(invocation: Invocation, place: str, path: Path | None, kafka: str | None, raw: bool) -> int:  # noqa: FBT001
    """Show one dead letter: its headers, and its body (set in lines where it is JSON)."""
    invocation.configure_logs(default_level="error")
    partition, offset = _place_of(place)
    settings = _settings(path, kafka)
    from console.deadletters.find import one
    from console.deadletters.letters import pretty

    letter, body = one(settings, partition, offset, _say)
    if raw:
        if sys.stdout.isatty():
            raise CommandError("--raw could command this terminal: send it to a file, or leave --raw out", USAGE)
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return OK
    for name, value in letter.headers.items():
        click.echo(printable(f"{name}: {value}"))
    click.echo()
    click.echo(pretty(body))
    return OK


@deadletters.command(epilog=_REPLAY_EPILOG)
@click.argument("places", metavar="PARTITION/OFFSET...", nargs=-1)
@_kafka_options
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--reason", default="", help="Those with this word, such as internal-error.")
@click.option("--since", "since_s", type=DURATION, help="Those written in the last DURATION, such as 24h.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=10_000, show_default=True, help="The most to take, the oldest."
)
@click.option("--force", is_flag=True, help="Those that were replayed before, too.")
@click.option("--dry-run", is_flag=True, help="Send nothing; say what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a letter, one a line.")
@click.pass_obj
def replay(  # noqa: PLR0917 - click's options
    invocation: Invocation,
    places: tuple[str, ...],
    path: Path | None,
    kafka: str | None,
    cloud: str,
    reason: str,
    since_s: float | None,
    limit: int,
    force: bool,  # noqa: FBT001 - click's signature
    dry_run: bool,  # noqa: FBT001 - click's signature
    as_json: bool,  # noqa: FBT001 - click's signature
) -> int:
    """Decode dead letters again, and send them to the notifications' topic, their ids unchanged.

    What an earlier version failed on, or could not read, and what Kafka refused, can be replayed. What was cut, or had
    credentials masked in it, is not. An operation that closed meanwhile takes no more events: they are `late` then.
    """
    invocation.configure_logs(default_level="error")
    if bool(places) == bool(cloud or reason or since_s is not None):
        raise CommandError("Choose dead letters: PARTITION/OFFSET..., or --cloud, --reason and --since", USAGE)
    asked = [_place_of(place) for place in places]
    settings = _settings(path, kafka)
    from console.deadletters.letters import Filter
    from console.deadletters.replaying import Choice, replay_all

    since_ms = None if since_s is None else int((time.time() - since_s) * 1_000)
    choice = Choice(asked, Filter(cloud, reason), since_ms, limit, force=force)
    is_clean = True
    for outcome in replay_all(settings, choice, dry_run=dry_run, emit=_say):
        click.echo(json_line(outcome.as_object()) if as_json else printable(outcome.line()))
        is_clean = is_clean and outcome.is_well
    return OK if is_clean else NOT_REPLAYED


def _place_of(text: str) -> tuple[int, int]:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise CommandError(f"{text!r} should be PARTITION/OFFSET, as `precache deadletters list` shows it", USAGE)
    return int(match[1]), int(match[2])


def _settings(path: Path | None, kafka: str | None) -> "KafkaSettings":
    if (path is None) == (kafka is None):
        raise CommandError("give either --config FILE or --kafka HOST:PORT", USAGE)
    return load_kafka(path) if path is not None else kafka_at(kafka or "")


def _say(text: str) -> None:
    click.echo(text, err=True)
