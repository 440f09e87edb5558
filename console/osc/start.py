"""`openstack precache start`: the command `precache start`, for the cloud that `openstack` was given."""

import argparse

from osc_lib.command import command

# Options without and with a value that are handed on as they are; `precache start --help` explains them.
_FLAGS = ("--no-wait", "--separate-images", "--force", "--json", "--fail-on-stall")
_VALUES = ("--config", "--kafka", "--transport-url-file", "--retry", "--backoff", "--timeout")


class StartCommand(command.Command):
    """Ask Nova to cache images on the hosts of an aggregate, and follow it to its end.

    The exit code says how it went: see `precache start --help`.
    """

    # It logs in by itself, and says what is wrong in its own words.
    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the options that are handed on."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("aggregate", metavar="<aggregate>", help="Name or ID of the aggregate")
        parser.add_argument("images", metavar="<image>", nargs="+", help="Name or ID of an image")
        parser.add_argument("--cloud", metavar="<cloud>", help="Name of the cloud in bridge.yaml")
        for option in _FLAGS:
            parser.add_argument(option, action="store_true", help=f"As for `precache start {option}`")
        for option in _VALUES:
            parser.add_argument(option, metavar="<value>", help=f"As for `precache start {option}`")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Run the command, and return its exit code."""
        from console.cli.main import run

        return run(_arguments(parsed_args, self.app.options.cloud))


def _arguments(parsed: argparse.Namespace, os_cloud: str | None) -> list[str]:
    """Return the arguments of `precache` that mean the same."""
    values = vars(parsed) | {"os_cloud": os_cloud}
    words = ["start"]
    for option in ("--os-cloud", "--cloud", *_VALUES):
        if value := values[option[2:].replace("-", "_")]:
            words += [option, value]
    words += [option for option in _FLAGS if values[option[2:].replace("-", "_")]]
    return [*words, "--", parsed.aggregate, *parsed.images]
