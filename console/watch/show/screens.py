"""What shows the events: plain lines in a pipe, a line rewritten in place on a terminal, or JSON.

stdout has the contract's lines alone; bars, warnings and talk go to stderr.
"""

import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

import click

from console.watch.events import Event, Finished, Progressed, Resumed, Stalled, Started, TimedOut, Twin
from console.watch.show import lines
from console.watch.show.bars import Bar, Bars
from console.watch.show.jsonlines import as_object

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

_RESUME: Final = "precache watch"


class Manner(NamedTuple):
    """How a command was called, for the texts.

    Attributes:
        timeout_s: when it gives up, in seconds; None for never.
        resume: the command that follows an operation, less its id.
    """

    timeout_s: float | None = None
    resume: str = _RESUME


class Screen(Protocol):
    """Shows events while it is entered. ``who`` names the operation where there are several."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: Event, who: str = "") -> None:
        """Show an event."""
        ...

    def answer(self, text: str, who: str = "", **facts: object) -> None:
        """Give a result on stdout: a text for people and scripts, or the facts as JSON."""
        ...

    def say(self, text: str, who: str = "") -> None:
        """Say something on stderr."""
        ...

    def error(self, text: str, who: str = "", *, code: int) -> None:
        """Say what went wrong."""
        ...

    def draw(self, rows: Callable[[], Sequence[Bar]]) -> None:
        """Show how each operation stands, where that is a terminal."""
        ...


def screen_for(*, as_json: bool, manner: Manner) -> Screen:
    """Return the screen that fits stdout and stderr."""
    bars = Bars() if sys.stderr.isatty() else None
    if as_json:
        return JsonScreen(manner, bars)
    return TerminalScreen(manner, bars) if sys.stdout.isatty() else PlainScreen(manner, bars)


def remarks(event: Event, manner: Manner) -> list[str]:
    """Return what an event has to say on stderr."""
    match event:
        case Started(operation):
            return [lines.opened(operation)]
        case Twin(operation):
            return [lines.twin(operation)]
        case TimedOut(None, _, _):
            return [lines.nothing_began(manner.timeout_s or 0.0)]
        case TimedOut(operation, hosts_done, _) if operation is not None:
            return [lines.still_running(operation, hosts_done, manner.timeout_s or 0.0, manner.resume)]
        case _:
            return warnings(event)


def warnings(event: Event) -> list[str]:
    """Return what a person should look at."""
    match event:
        case Stalled(operation):
            return [lines.stalled(operation)]
        case Resumed(operation):
            return [lines.resumed(operation)]
        case Finished(operation, _):
            cut = [lines.lists_cut(operation)] if operation.lists_cut else []
            bad = [lines.ended_badly(operation)] if operation.status in {"abandoned", "stalled"} else []
            return cut + bad
        case _:
            return []


class PlainScreen:
    """Every line as it comes, flushed: for pipes and files.

    Args:
        manner: how the command was called.
        bars: what draws on stderr; None where that is no terminal.
    """

    def __init__(self, manner: Manner, bars: Bars | None = None) -> None:
        self._manner = manner
        self._bars = bars

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def show(self, event: Event, who: str = "") -> None:
        """Show an event."""
        match event:
            case Started(operation):
                self.answer(lines.started(operation), who)
            case Progressed(progress, is_first):
                if is_first:
                    self.say(lines.images({*progress.images_cached, *progress.images_failed}), who)
                self._progress(lines.progressed(progress), who, failed=progress.errors > 0)
            case Finished(operation, exit_code) if operation.status != "stalled":
                self._finish(lines.finished(operation), who, good=exit_code == 0)
            case _:
                pass
        for text in remarks(event, self._manner):
            self.say(text, who)

    def answer(self, text: str, who: str = "", **_facts: object) -> None:
        """Write a line on stdout."""
        self._clear()
        click.echo(_named(text, who))

    def say(self, text: str, who: str = "") -> None:
        """Say something on stderr."""
        self._clear()
        click.echo(_named(text, who), err=True)

    def error(self, text: str, who: str = "", *, code: int) -> None:  # noqa: ARG002 - JSON has it
        """Say what went wrong."""
        self.say(f"precache: {_named(text, who)}")

    def draw(self, rows: Callable[[], Sequence[Bar]]) -> None:
        """Show how each operation stands."""
        if self._bars is not None:
            self._bars.draw(rows())

    def _clear(self) -> None:
        if self._bars is not None:
            self._bars.clear()

    def _progress(self, text: str, who: str, *, failed: bool) -> None:  # noqa: ARG002 - a terminal has colours
        self.answer(text, who)

    def _finish(self, texts: list[str], who: str, *, good: bool) -> None:  # noqa: ARG002 - a terminal has colours
        for text in texts:
            self.answer(text, who)


class JsonScreen(PlainScreen):
    """One JSON object a line."""

    def show(self, event: Event, who: str = "") -> None:
        """Show an event."""
        self._write(as_object(event))
        for text in warnings(event):
            self.say(text, who)

    def answer(self, text: str, who: str = "", **facts: object) -> None:  # noqa: ARG002 - facts instead of texts
        """Write facts as an object."""
        self._write(facts)

    def error(self, text: str, who: str = "", *, code: int) -> None:
        """Say what went wrong, and give its exit code as an object."""
        super().error(text, who, code=code)
        self._write({"event": "error", "exit_code": code, "error": text, "request": who})

    def _write(self, value: object) -> None:
        import orjson

        self._clear()
        # As bytes: JSON is UTF-8, whatever the encoding of stdout.
        click.echo(orjson.dumps(value))


class TerminalScreen(PlainScreen):
    """The line of progress is rewritten in place, the others stand; what went wrong is in colour.

    The line is rewritten on stderr, above the bars, where both are terminals; then the last one stands on stdout.
    """

    def __init__(self, manner: Manner, bars: Bars | None = None, console: "Console | None" = None) -> None:
        from rich.console import Console

        super().__init__(manner, bars)
        self._console = console or Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live: Live | None = None
        self._line = ("", "")

    def answer(self, text: str, who: str = "", **_facts: object) -> None:
        """Write a line on stdout."""
        self._print(text, who, "")

    def draw(self, rows: Callable[[], Sequence[Bar]]) -> None:
        """Show how each operation stands, and the line of progress, where there is but one."""
        if self._bars is not None:
            self._bars.draw(rows(), self._line[0])

    def _progress(self, text: str, who: str, *, failed: bool) -> None:
        if who:
            return  # each has a bar
        self._line = (text, "yellow" if failed else "green")
        if self._bars is None:
            self._rewrite()

    def _finish(self, texts: list[str], who: str, *, good: bool) -> None:
        self._print(texts[0], who, "bold green" if good else "bold red")
        for text in texts[1:]:
            self._print(text, who, "" if text.endswith(":") else "red")

    def _rewrite(self) -> None:
        from rich.live import Live
        from rich.text import Text

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        text, style = self._line
        self._live.update(Text(text, style=style, overflow="ellipsis", no_wrap=True), refresh=True)

    def _clear(self) -> None:
        """Let the line of progress stand as it is; the next one begins below."""
        super()._clear()
        text, style = self._line
        self._line = ("", "")
        if self._live is not None:
            self._live.stop()
            self._live = None
        elif text:
            self._console.print(text, style=style)

    def _print(self, text: str, who: str, style: str) -> None:
        self._clear()
        self._console.print(_named(text, who), style=style or None)


def _named(text: str, who: str) -> str:
    # An error of a cloud begins with its name, as a request to it may.
    return f"{who}: {text}" if who and not text.startswith(f"{who}: ") else text
