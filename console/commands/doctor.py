"""`precache doctor`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli.configs import CONFIG_PATH, kind_of, load_or_fail, model_of
from console.cli.exits import FATAL, OK, USAGE, CommandError
from console.cli.invocation import Invocation
from console.cli.output.tables import print_table

if TYPE_CHECKING:
    from console.doctor.findings import Check, Finding

_EPILOG = """\b
Examples:
  precache doctor --config bridge.yaml
  precache doctor --config processor.yaml --json | jq 'select(.state != "ok")'

\b
Exit codes:
  0  all is well (a WARN is for you to judge)
  1  something is wrong: each FAIL with what to do
  2  bad configuration, or a part that is not installed
"""


@click.command(epilog=_EPILOG)
@click.option("--config", "path", metavar="FILE", type=CONFIG_PATH, required=True, help="A bridge's or a processor's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a check, one a line.")
@click.pass_obj
def doctor(invocation: Invocation, path: Path, as_json: bool) -> int:  # noqa: FBT001 - click's signature
    """Check what a bridge or a processor needs: RabbitMQ, exchange, queue; Kafka, topics, group; the store.

    Changes nothing, and takes no message. Each check is bounded in time.
    """
    invocation.configure_logs(default_level="error")
    checks = _checks(path)
    from console.doctor.findings import run_all

    findings = run_all(checks)
    if as_json:
        for finding in findings:
            click.echo(json.dumps(finding.as_object()))
    elif sys.stdout.isatty():
        cells = ((finding.state, finding.what, finding.text, finding.remedy) for finding in findings)
        print_table(("", "check", "found", "what to do"), cells)
    else:
        for finding in findings:
            click.echo(_line(finding))
    return FATAL if any(finding.state == "FAIL" for finding in findings) else OK


def _checks(path: Path) -> "list[Check]":
    kind = kind_of(path)
    config = load_or_fail(path, model_of(kind))
    if kind == "bridge":
        from console.doctor.run import bridge_checks

        return bridge_checks(config, str(path))  # type: ignore[arg-type]
    if kind == "processor":
        from console.doctor.run import processor_checks

        return processor_checks(config, str(path))  # type: ignore[arg-type]
    raise CommandError(f"{path} is neither a bridge's file (`clouds:`) nor a processor's (`store:`)", USAGE)


def _line(finding: "Finding") -> str:
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    return f"{finding.state:4}  {finding.what}: {finding.text}{remedy}"
