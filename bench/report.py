"""The results: a table on a terminal, plain lines in a pipe, Markdown for the documentation."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.result import Result

_MARKS = {True: "yes", False: "NO", None: "-"}


def show(results: Sequence[Result], facts: Mapping[str, str]) -> None:
    """Print all that was found."""
    if sys.stdout.isatty():
        _show_table(results, facts)
    else:
        print(plain(results, facts))


def _show_table(results: Sequence[Result], facts: Mapping[str, str]) -> None:
    console = Console()
    table = Table(show_lines=True)
    for heading in ("benchmark", "precache", "against", "peer", "ratio", "goal", "met", "CPU"):
        table.add_column(heading)
    for result in results:
        style = {True: "green", False: "red", None: ""}[result.met]
        met = f"[{style}]{_MARKS[result.met]}[/]" if style else _MARKS[result.met]
        cells = (result.what, result.ours, result.against, result.theirs, result.ratio, result.goal, met, result.cpu)
        table.add_row(*cells)
    console.print(table)
    for result in results:
        for note in _notes(result):
            console.print(f"[dim]{result.name}: {note}[/]", highlight=False)
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", highlight=False)


def plain(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """Return the same as lines: one a result, its notes below it."""
    lines = []
    for result in results:
        figures = (
            f"{result.ours} against {result.theirs}, ratio {result.ratio}" if result.theirs != "-" else result.ours
        )
        lines.append(f"{result.name}: {result.what}")
        lines.append(f"    {figures}; goal {result.goal}: {_MARKS[result.met]}; CPU {result.cpu}")
        lines += [f"    {note}" for note in _notes(result)]
    return "\n".join([*lines, *(f"{name}: {fact}" for name, fact in facts.items())])


def _notes(result: Result) -> list[str]:
    return [*([f"limited by (precache / peer): {result.limit}"] if result.limit else []), *result.notes]


def markdown(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """Return the table and the notes for the documentation."""
    lines = [
        "| what | precache | against | peer | ratio | goal | met | CPU a message, precache / peer |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        cells = (
            result.what,
            result.ours,
            result.against,
            result.theirs,
            result.ratio,
            result.goal,
            _MARKS[result.met],
            result.cpu,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", *(f"- {name}: {fact}" for name, fact in facts.items()), "", "## Beside the figures", ""]
    for result in results:
        notes = _notes(result)
        if notes:
            lines.append(f"- **{result.name}** ({result.what})")
            lines += [f"  - {note}" for note in notes]
    return "\n".join(lines)
