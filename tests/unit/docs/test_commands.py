"""Each `precache` command in the documents exists, with the options that are written there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from console.cli.main import cli
from tests.unit.docs.documents import DOCUMENTS, name

COMMAND = re.compile(r"^    (precache .*)$", re.MULTILINE)


def written(document: Path) -> list[list[str]]:
    lines = COMMAND.findall(document.read_text())
    return [shlex.split(line.replace("[", "").replace("]", "").removesuffix(" &"), comments=True) for line in lines]


def command_of(words: list[str]) -> click.Command:
    command: click.Command = cli
    for word in words[1:]:
        # `keep` is a command of its own, too.
        if not isinstance(command, click.Group) or (command.invoke_without_command and word.startswith("-")):
            break
        found = command.get_command(click.Context(command), word)
        assert found is not None, f"no such command: {shlex.join(words)}"
        command = found
    return command


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if written(each)], ids=name)
def test_the_options_of_each_command_exist(document: Path) -> None:
    for words in written(document):
        known = {option for each in command_of(words).params for option in (*each.opts, *each.secondary_opts)}
        unknown = [word for word in words if re.fullmatch(r"-\w|--[a-z-]+", word) and word not in known]
        assert not unknown, f"{shlex.join(words)}: unknown {unknown}"
