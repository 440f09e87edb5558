"""`precache check-config`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from console.cli.configs import CONFIG_PATH, kind_of, model_of
from console.cli.exits import OK, USAGE
from console.cli.pairing import lateness_problem
from precache.config import ConfigError, FileError, load
from precache.config.kinds import Kind

_EPILOG = """\b
Examples:
  precache check-config bridge.yaml processor.yaml
  precache check-config --json /etc/precache/*.yaml

\b
Exit codes:
  0  no error
  2  errors, each on a line of stderr: FILE:LINE: key.path: what is wrong
"""

_WORDS: dict[Kind, str] = {
    "bridge": "a bridge's configuration",
    "processor": "a processor's configuration",
    "operator": "an operator's configuration",
    "keeper": "a keeper's configuration",
    "web": "the page's configuration",
    "demo": "the demo's configuration",
    "kafka": "for `watch`, `deadletters` and `topics` alone: no `clouds` (a bridge), no `store` (a processor)",
}


@click.command(epilog=_EPILOG)
@click.argument("files", metavar="FILE...", type=CONFIG_PATH, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on stdout.")
def check_config(files: tuple[Path, ...], as_json: bool) -> int:  # noqa: FBT001 - click's signature
    """Report every error of configuration files at once, without touching the network.

    The top-level keys show what a file is for: `clouds` for a bridge, `store` for a processor, `wanted` for a keeper,
    `operators` for an operator, `listen` for the page. Files that belong together are best given together: a processor
    must keep operations for longer than a bridge holds messages.
    """
    checked = [_check(path) for path in files]
    _compare(checked)
    for one in checked:
        if as_json:
            _show_json(one)
        elif one.errors:
            for error in one.errors:
                click.echo(str(error), err=True)
        else:
            click.echo(f"{one.path}: fine, {_WORDS[one.kind]}")
    return USAGE if any(one.errors for one in checked) else OK


@dataclass
class _Checked:
    path: Path
    kind: Kind
    config: Any = None
    errors: tuple[FileError, ...] = ()


def _check(path: Path) -> _Checked:
    kind = kind_of(path)
    try:
        return _Checked(path, kind, load(path, model_of(kind)))
    except ConfigError as error:
        return _Checked(path, kind, errors=error.errors)


def _compare(checked: Sequence[_Checked]) -> None:
    """Hold each processor against each bridge, where both are without errors of their own."""
    bridges = [one.config for one in checked if one.kind == "bridge" and one.config is not None]
    for one in checked:
        if one.kind == "processor" and one.config is not None:
            texts = [text for bridge in bridges if (text := lateness_problem(bridge, one.config))]
            one.errors = tuple(FileError(str(one.path), 0, "operations.allowed_lateness", text) for text in texts)


def _show_json(one: _Checked) -> None:
    import json

    errors = [{"line": error.line, "path": error.path, "text": error.text} for error in one.errors]
    click.echo(json.dumps({"file": str(one.path), "kind": one.kind, "errors": errors}))
