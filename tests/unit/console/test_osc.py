"""The plugin of the OpenStackClient: what it imports when `openstack` starts, and what it hands on."""

import argparse
import subprocess
import sys
from importlib.metadata import entry_points
from unittest.mock import create_autospec

from cliff.app import App

from console.osc.start import StartCommand, _arguments

# Prints what of ours, and which slow client, importing the plugin's modules brings.
LOADED = """
import sys
import osc_lib.command.command, osc_lib.exceptions
before = set(sys.modules)
import console.osc.plugin, console.osc.start, console.osc.lists
print(*sorted(name for name in set(sys.modules) - before))
"""


def test_its_modules_import_nothing_but_themselves_and_precache() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True)
    assert {"console", "console.osc", "console.osc.lists", "console.osc.plugin", "console.osc.start"} == set(
        done.stdout.split()
    )


def test_every_command_is_there() -> None:
    found = {each.name: each.load() for each in entry_points(group="openstack.precache.v1")}
    names = ["precache_operation_list", "precache_operation_show", "precache_residency_list", "precache_start"]
    assert sorted(found) == names
    assert not any(command.auth_required for command in found.values())


def parsed(*words: str) -> argparse.Namespace:
    namespace: argparse.Namespace = StartCommand(create_autospec(App), None).get_parser("start").parse_args(words)
    return namespace


def test_what_is_said_to_openstack_is_said_to_precache() -> None:
    words = _arguments(parsed("foo", "ubuntu", "--cloud", "paris", "--no-wait", "--timeout", "2h"), "paris-admin")
    expected = "start --os-cloud paris-admin --cloud paris --timeout 2h --no-wait -- foo ubuntu"
    assert words == expected.split()
    assert _arguments(parsed("foo", "a", "b"), None) == ["start", "--", "foo", "a", "b"]
