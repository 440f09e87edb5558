"""Views as HTML: templates that escape everything, and the few filters that they use."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from console.cli.output.moments import short
from console.watch.show.lines import duration
from console.web.pages.page import Page

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
_MINUTE_S: Final = 60.0

# Hosts a minute.
_WHOLE_FROM: Final = 10.0
# Colour is never alone: each word has a mark of its own kind.
MARKS: Final[Mapping[str, str]] = {
    "running": "▶",
    "ending": "▶",
    "stalled": "‖",
    "completed": "✓",
    "completed_with_errors": "!",
    "abandoned": "✕",
    "cached": "✓",
    "failed": "✕",
    "silent": "?",
    "waiting": "…",
    "resident": "✓",
    "expiring": "◔",
    "unsure": "~",
    "missing": "○",
    "working": "▶",
    "failing": "✕",
    "paused": "‖",
    "alive": "✓",
    "quiet": "!",
    "none": "○",
}


class Renderer:
    """Makes HTML of views.

    Args:
        base_path: where a proxy puts the pages; ``/`` for nowhere else.
        navigation: the pages that every page links to.
    """

    def __init__(self, base_path: str, navigation: tuple[Page, ...]) -> None:
        self._base = base_path.rstrip("/")
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"short": short, "took": took, "words": words, "mark": mark, "rate": rate}
        self._environment.globals |= {
            "link": self.link,
            "static": self._static,
            "navigation": navigation,
            "stream": self.link("/stream"),
        }
        self._stamps = {path.name: sha256(path.read_bytes()).hexdigest()[:12] for path in STATIC.iterdir()}

    def link(self, path: str, **parameters: str) -> str:
        """Return a path below the base path, with the parameters that are not empty."""
        query = urlencode({name: value for name, value in parameters.items() if value})
        return (self._base + quote(path) or "/") + (f"?{query}" if query else "")

    def page(self, page: Page, view: Mapping[str, Any], about: Mapping[str, Any]) -> str:
        """Return the whole page; ``about``: what stands around the view."""
        return self._environment.get_template(f"{page.name}.html").render(**about, page=page, view=view)

    def live_part(self, page: Page, view: Mapping[str, Any], about: Mapping[str, Any]) -> str:
        """Return what of the page changes."""
        template = self._environment.get_template(f"{page.name}.html")
        context = template.new_context({**about, "page": page, "view": view})
        return "".join(template.blocks["live"](context))

    def trouble(self, text: str) -> str:
        """Return what a page has instead of its changing part when that can't be made."""
        return self._environment.get_template("trouble.html").render(text=text)

    def error(self, title: str, text: str, about: Mapping[str, Any]) -> str:
        """Return a page for what went wrong."""
        return self._environment.get_template("error.html").render(**about, page=None, title=title, text=text)

    def _static(self, name: str) -> str:
        """Return the address of a file; another one after each change, so that browsers may keep it."""
        return self.link(f"/static/{name}", v=self._stamps[name])


def took(seconds: float | None) -> str:
    """Return a duration for people; ``""`` when it is not known."""
    return "" if seconds is None else duration(seconds)


def rate(value: float | None) -> str:
    """Return hosts a minute; ``""`` when that is not known."""
    if value is None:
        return ""
    return f"{value:,.0f}/min" if value >= _WHOLE_FROM else f"{value:.2g}/min"


def words(name: str) -> str:
    """Return a status as words."""
    return name.replace("_", " ")


def mark(name: str) -> str:
    """Return the sign of a status or a state."""
    return MARKS.get(name, "·")
