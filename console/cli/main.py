"""The command `precache`.

Each subcommand lives in a module of its own, imported when it is run, so that help is quick and a part whose extra is
not installed is in nobody's way.
"""

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final, get_args

import click

from console.cli.exits import FATAL, INTERRUPTED, OK, TERMINATED, USAGE, Terminated
from console.cli.extras import missing
from console.cli.invocation import Invocation, LogFormat
from console.cli.shell.completion import answer, is_asked_for
from console.cli.shell.lazy import CommandEntry, LazyGroup

_COMMANDS: Final = {
    "bridge": CommandEntry(
        "console.commands.bridge", "bridge", "Run the bridge, beside each cloud: RabbitMQ to Kafka."
    ),
    "processor": CommandEntry(
        "console.commands.processor", "processor", "Run the processor, centrally: Kafka to the store."
    ),
    "start": CommandEntry("console.commands.start", "start", "Ask Nova to cache images, and follow it to its end."),
    "watch": CommandEntry("console.commands.watch", "watch", "Follow one operation; the exit code says how it went."),
    "operations": CommandEntry("console.commands.ask.operations", "operations", "List operations, the newest first."),
    "operation": CommandEntry("console.commands.ask.operation", "operation", "Show one operation with its hosts."),
    "residency": CommandEntry(
        "console.commands.ask.residency", "residency", "Estimate which images are on which hosts."
    ),
    "boots": CommandEntry(
        "console.commands.ask.boots", "boots", "Compare times to boot with and without the image resident."
    ),
    "keep": CommandEntry("console.commands.keep", "keep", "Keep declared images resident; a service, or for cron."),
    "web": CommandEntry("console.commands.web", "web", "Serve pages that show all clouds; read only."),
    "doctor": CommandEntry("console.commands.doctor", "doctor", "Check what a configuration needs, with remedies."),
    "deadletters": CommandEntry(
        "console.commands.deadletters", "deadletters", "List, show and replay what was unusable."
    ),
    "demo": CommandEntry("console.commands.demo", "demo", "The whole path on three simulated clouds, no server."),
    "simulate": CommandEntry(
        "console.commands.simulate", "simulate", "Publish what simulated clouds would, to a real RabbitMQ."
    ),
    "completion": CommandEntry("console.commands.completion", "completion", "Print a shell's script for completion."),
    "man": CommandEntry("console.commands.man", "man", "Write the manual pages."),
    "check-config": CommandEntry(
        "console.commands.check_config", "check_config", "Report every error of configuration files."
    ),
    "topics": CommandEntry("console.commands.topics", "topics", "Create and check the Kafka topics."),
    "contract": CommandEntry("console.commands.contract", "contract", "Write the schemas of topics and store."),
}

# What the contract has for "cannot go on", where it is not the usual 1.
_ERROR_CODES: Final = {"start": 6, "watch": 6}

_OUR_PACKAGES: Final = frozenset({"precache", "bridge", "processor", "keeper", "console"})

_EPILOG: Final = """\b
Examples:
  precache demo
  precache check-config bridge.yaml processor.yaml
  precache topics create --config processor.yaml
  precache watch --kafka kafka.example.org:9092 --cloud paris --aggregate my-application

\b
Exit codes (each command's --help has its own):
  0    done
  1    failed
  2    wrong usage or configuration, or a part that is not installed
  130  interrupted by Ctrl-C
  143  ended by SIGTERM
"""


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value and not ctx.resilient_parsing:
        from precache import __version__

        click.echo(f"precache {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=_COMMANDS, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Debug logs, and tracebacks with errors.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    help="For the logs on stderr.  [default: info; error for commands whose output is for a person]",
)
@click.option(
    "--log-format",
    type=click.Choice(list(get_args(LogFormat))),
    default="auto",
    show_default=True,
    help="auto: for people on a terminal, JSON lines in a pipe.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, log_level: str | None, log_format: LogFormat) -> None:  # noqa: FBT001 - click's signature
    """Know when Nova has pre-cached an image on every host of an aggregate."""
    invocation = ctx.ensure_object(Invocation)
    invocation.command = ctx.invoked_subcommand or ""
    invocation.verbose = verbose
    invocation.log_level = log_level and log_level.lower()
    invocation.log_format = log_format


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; nothing is raised, and no traceback is shown unless asked for."""
    invocation = Invocation()
    if is_asked_for():
        return answer(cli)
    try:
        result: Any = cli.main(args=arguments, prog_name="precache", standalone_mode=False, obj=invocation)
    except click.ClickException as error:
        error.show()
        if invocation.verbose and error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        return TERMINATED if isinstance(error, Terminated) or isinstance(error.__cause__, Terminated) else INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader of our output has left (`| head`; click makes SystemExit of it): nobody is left to read, and
        # Python must not try at its exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _ERROR_CODES.get(invocation.command, FATAL)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person gets words, not a traceback
        return _failed(error, invocation)
    return result if isinstance(result, int) else OK


def _failed(error: Exception, invocation: Invocation) -> int:
    """Report an error that ends the command: ours say what to do; any other is a bug."""
    if invocation.verbose:
        traceback.print_exception(error)
    missing_extra = missing(error) if isinstance(error, ModuleNotFoundError) else None
    if missing_extra is not None:
        click.echo(f"precache: {missing_extra}", err=True)
        return USAGE
    if type(error).__module__.partition(".")[0] in _OUR_PACKAGES:
        click.echo(f"precache: {error}", err=True)
        return _ERROR_CODES.get(invocation.command, FATAL)
    click.echo(f"precache: internal error: {type(error).__name__}: {error}", err=True)
    if not invocation.verbose:
        click.echo(
            f"Run it again as `precache -v {invocation.command} ...` for the traceback, and report it.", err=True
        )
    return _ERROR_CODES.get(invocation.command, FATAL)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _write_any_text() -> None:
    """Escape what the encoding of stdout or stderr can't hold: a name with an accent must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Be the command: the entry point of the distribution."""
    _write_any_text()
    # The services handle signals in a way of their own.
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run())


if __name__ == "__main__":
    main()
