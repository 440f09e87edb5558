"""What the OpenStackClient asks of a plugin: its name, its version, its options."""

import argparse
from typing import Any, Final

API_NAME: Final = "precache"
API_VERSION_OPTION: Final = "os_precache_api_version"
API_VERSIONS: Final = {"1": "console.osc.plugin"}
DEFAULT_API_VERSION: Final = "1"


def make_client(instance: Any) -> None:
    """Return no client: lists are read from the store, and `start` opens its own connection."""


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return the parser as it is: no option stands before the command."""
    return parser
