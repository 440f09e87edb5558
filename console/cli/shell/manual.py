"""Manual pages in the language of man(7), made from the help of each command. Pure."""

import re
from collections.abc import Iterator
from typing import Final

import click

_ROOT: Final = "precache"
_SECTIONS: Final = {"Examples:": "EXAMPLES", "Exit codes:": "EXIT STATUS"}
_QUOTED: Final = re.compile(r"`([^`]+)`")


def pages(cli: click.Group, version: str) -> Iterator[tuple[str, str]]:
    """Yield the names of all pages, such as ``precache-watch.1``, and their texts."""
    root = click.Context(cli, info_name=_ROOT)
    for ctx in _contexts(root):
        name = ctx.command_path.replace(" ", "-")
        yield f"{name}.1", "\n".join(_page(ctx, name, version)) + "\n"


def _contexts(ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield from _contexts(click.Context(command, info_name=name, parent=ctx))


def _page(ctx: click.Context, name: str, version: str) -> Iterator[str]:
    command = ctx.command
    yield f'.TH "{name.upper()}" "1" "" "{_ROOT} {version}" "User Commands"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(command.get_short_help_str(limit=200).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f".B {_text(ctx.command_path)}"
    yield _text(" ".join(command.collect_usage_pieces(ctx)))
    yield ".SH DESCRIPTION"
    yield from _prose(command.help or "")
    options = [record for parameter in command.get_params(ctx) if (record := parameter.get_help_record(ctx))]
    options = [(names, meaning) for names, meaning in options if meaning]
    yield ".SH OPTIONS"
    for names, meaning in options:
        yield from (".TP", f".B {_text(names)}", _text(meaning))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for each in _contexts(ctx):
            if each.parent is ctx:
                summary = each.command.get_short_help_str(limit=200)
                yield from (".TP", f".BR {_text(each.command_path.replace(' ', '-'))} (1)", _text(summary))
    yield from _epilog(command.epilog or "")


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        yield from (".PP", _text(" ".join(paragraph.split())))


def _epilog(text: str) -> Iterator[str]:
    """Yield the sections of an epilog. A backspace begins a paragraph: click's word for lines that stay as they are."""
    for paragraph in text.replace("\b", "").strip().split("\n\n"):
        first, *rest = paragraph.strip().splitlines() or [""]
        heading = next((each for each in _SECTIONS if first.startswith(each)), "")
        lines = [first.removeprefix(heading), *rest] if heading else [first, *rest]
        if any(lines):
            yield from (f".SH {_SECTIONS.get(heading, 'NOTES')}", ".nf", *map(_text, filter(None, lines)), ".fi")


def _text(text: str) -> str:
    """Return a text as a line that man(7) takes literally; what stands in backquotes is bold."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    bold = _QUOTED.sub(r"\\fB\1\\fR", escaped)
    return "\\&" + bold if bold[:1] in {".", "'"} else bold
