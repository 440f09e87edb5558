"""`precache deadletters`."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.configs import CONFIG_PATH, kafka_at, load_kafka
from console.durations import DURATION
from console.exits import OK, USAGE, Failure
from console.invocation import Invocation

if TYPE_CHECKING:
    from console.configs import KafkaSettings

_PLACE: Final = re.compile(r"(\d+)/(\d+)")

_LIST_EPILOG = """\b
Examples:
  precache deadletters list --config processor.yaml
  precache deadletters list --kafka kafka.example.org:9092 --cloud paris --reason late --since 24h
  precache deadletters list --config bridge.yaml --json | jq -r .reason | sort | uniq -c

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


@click.group()
def deadletters() -> None:
    """List and show what could not be used, and why (the topic precache.deadletters)."""


@deadletters.command("list", epilog=_LIST_EPILOG)
@_kafka_options
@click.option("--cloud", default="", help="Only this cloud's.")
@click.option("--reason", default="", help="Only those with this word, such as late or not-json.")
@click.option("--since", "since_s", type=DURATION, help="Only what was written in the last so long, such as 24h.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a letter, one a line.")
@click.pass_obj
def list_(  # noqa: PLR0917 - click's options
    invocation: Invocation,
    path: Path | None,
    kafka: str | None,
    cloud: str,
    reason: str,
    since_s: float | None,
    limit: int,
    as_json: bool,  # noqa: FBT001 - click's signature
) -> int:
    """List the newest dead letters, the oldest of them first."""
    invocation.configure_logs(default_level="error")
    settings = _settings(path, kafka)
    from console.deadletters.find import newest
    from console.deadletters.letters import Filter, table

    since_ms = None if since_s is None else int((time.time() - since_s) * 1_000)
    found = newest(settings, Filter(cloud, reason), limit=limit, since_ms=since_ms, say=_say)
    if as_json:
        import orjson

        for letter in found:
            click.echo(orjson.dumps(letter.as_object()).decode())
        return OK
    rows = table(found)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows if found else []:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
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
    match = _PLACE.fullmatch(place)
    if match is None:
        raise Failure(f"{place!r} should be PARTITION/OFFSET, as `precache deadletters list` shows it", USAGE)
    settings = _settings(path, kafka)
    from console.deadletters.find import one
    from console.deadletters.letters import pretty

    letter, body = one(settings, int(match[1]), int(match[2]), _say)
    if raw:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return OK
    for name, value in letter.headers.items():
        click.echo(f"{name}: {value}")
    click.echo()
    click.echo(pretty(body))
    return OK


def _settings(path: Path | None, kafka: str | None) -> "KafkaSettings":
    if (path is None) == (kafka is None):
        raise Failure("give either --config FILE or --kafka HOST:PORT", USAGE)
    return load_kafka(path) if path is not None else kafka_at(kafka or "")


def _say(text: str) -> None:
    click.echo(text, err=True)
