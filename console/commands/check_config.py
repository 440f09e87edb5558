"""`precache check-config`."""

from pathlib import Path

import click

from console.configs import CONFIG_PATH, Kind, kind_of, model_of
from console.exits import OK, USAGE
from precache.service.config import ConfigError, Fault, load

_EPILOG = """\b
Examples:
  precache check-config bridge.yaml processor.yaml
  precache check-config --json /etc/precache/*.yaml

\b
Exit codes:
  0  no fault
  2  faults, each on a line of stderr: FILE:LINE: key.path: what is wrong
"""

_WORDS: dict[Kind, str] = {
    "bridge": "a bridge's configuration",
    "processor": "a processor's configuration",
    "demo": "the demo's configuration",
    "kafka": "for `watch`, `deadletters` and `topics` alone: no `clouds` (a bridge), no `store` (a processor)",
}


@click.command(epilog=_EPILOG)
@click.argument("files", metavar="FILE...", type=CONFIG_PATH, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file on stdout.")
def check_config(files: tuple[Path, ...], as_json: bool) -> int:  # noqa: FBT001 - click's signature
    """Tell every fault of configuration files at once, without touching the network.

    What a file is for is told by its top-level keys: `clouds` for a bridge, `store` for a processor.
    """
    found = [(path, *_check(path)) for path in files]
    for path, kind, faults in found:
        if as_json:
            _show_json(path, kind, faults)
        elif faults:
            for fault in faults:
                click.echo(str(fault), err=True)
        else:
            click.echo(f"{path}: fine, {_WORDS[kind]}")
    return USAGE if any(faults for _, _, faults in found) else OK


def _check(path: Path) -> tuple[Kind, tuple[Fault, ...]]:
    kind = kind_of(path)
    try:
        load(path, model_of(kind))
    except ConfigError as error:
        return kind, error.faults
    return kind, ()


def _show_json(path: Path, kind: Kind, faults: tuple[Fault, ...]) -> None:
    import json

    told = [{"line": fault.line, "path": fault.path, "text": fault.text} for fault in faults]
    click.echo(json.dumps({"file": str(path), "kind": kind, "faults": told}))
