"""What shows the events: plain lines in a pipe, a line rewritten in place on a terminal, or JSON.

stdout has the contract's lines alone; warnings go to stderr.
"""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

from console.watch import lines
from console.watch.events import Event, Finished, Progressed, Resumed, Stalled, Started, TimedOut
from console.watch.jsonlines import as_object

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live


class Screen(Protocol):
    """Shows events while it is entered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: Event) -> None:
        """Show an event."""
        ...


def screen_for(*, as_json: bool, timeout_s: float | None) -> Screen:
    """Return the screen that fits stdout."""
    if as_json:
        return JsonScreen()
    return TerminalScreen(timeout_s) if sys.stdout.isatty() else PlainScreen(timeout_s)


def warnings(event: Event, timeout_s: float | None) -> list[str]:
    """Return what an event has to say on stderr."""
    match event:
        case Stalled(operation):
            return [lines.stalled(operation)]
        case Resumed(operation):
            return [lines.resumed(operation)]
        case Finished(operation, _):
            cut = [lines.lists_cut(operation)] if operation.lists_cut else []
            bad = [lines.ended_badly(operation)] if operation.status in {"abandoned", "stalled"} else []
            return cut + bad
        case TimedOut(None, _, _):
            return [lines.nothing_began(timeout_s or 0.0)]
        case TimedOut(operation, hosts_done, _) if operation is not None:
            return [lines.still_running(operation, hosts_done, timeout_s or 0.0)]
        case _:
            return []


class PlainScreen:
    """Every line as it comes, flushed: for pipes and files."""

    def __init__(self, timeout_s: float | None = None) -> None:
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def show(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Started(operation):
                click.echo(lines.started(operation))
            case Progressed(progress):
                click.echo(lines.progressed(progress))
            case Finished(operation, _) if operation.status != "stalled":
                click.echo("\n".join(lines.finished(operation)))
            case _:
                pass
        for text in warnings(event, self._timeout_s):
            click.echo(text, err=True)


class JsonScreen:
    """One JSON object a line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def show(self, event: Event) -> None:
        """Show an event."""
        import orjson

        # As bytes: JSON is UTF-8, whatever the encoding of stdout.
        click.echo(orjson.dumps(as_object(event)))


class TerminalScreen:
    """The line of progress is rewritten in place, the others stand; what went wrong is in colour."""

    def __init__(self, timeout_s: float | None = None, console: "Console | None" = None) -> None:
        from rich.console import Console

        self._timeout_s = timeout_s
        self._console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._settle()

    def show(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Started(operation):
                self._print(lines.started(operation), "bold")
            case Progressed(progress):
                self._rewrite(lines.progressed(progress), "yellow" if progress.errors else "green")
            case Finished(operation, exit_code) if operation.status != "stalled":
                self._finish(lines.finished(operation), good=exit_code == 0)
            case _:
                pass
        for text in warnings(event, self._timeout_s):
            self._settle()
            click.echo(click.style(text, fg="yellow"), err=True)

    def _finish(self, texts: list[str], *, good: bool) -> None:
        self._print(texts[0], "bold green" if good else "bold red")
        for text in texts[1:]:
            self._print(text, "" if text.endswith(":") else "red")

    def _rewrite(self, text: str, style: str) -> None:
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(Text(text, style=style, overflow="ellipsis", no_wrap=True), refresh=True)

    def _settle(self) -> None:
        """Let the line of progress stand as it is; the next one begins below."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: str, style: str) -> None:
        self._settle()
        self._console.print(text, style=style)
