"""HTML of views: nothing of a cloud's own words becomes markup."""

from html.parser import HTMLParser
from typing import Any

from console.web.live import Live
from console.web.pages import operation as operation_page
from console.web.pages import overview
from console.web.pages.operation import FoundOperation
from console.web.pages.overview import LastDay
from console.web.pages.page import Context
from console.web.render import Renderer
from console.web.views import NAVIGATION
from precache.config.operators import OperatorsBlock
from tests.unit.console.web.made import NOW, operation, report

ODD = "<script>alert(1)</script>\"'&{{ 7*7 }}\u202e\n"
ABOUT = {"as_of": "2026-11-25T10:00:00Z", "live_problem": ODD, "address": "/stream/x", "parameters": {}}
CONTEXT = Context(OperatorsBlock(), Live(None), NOW)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.found


def odd_page() -> str:
    odd = operation(30, "completed_with_errors", aggregate_name=ODD, images=(ODD,), hosts_failed=1, conductor=ODD)
    found = FoundOperation(odd, [report(ODD, 1, odd, failed=True)], 0)
    view = operation_page.view(found, {"operation": odd.operation}, CONTEXT)
    return Renderer("/", NAVIGATION).page(operation_page.PAGE, view, ABOUT)


def test_odd_names_stay_text() -> None:
    html = odd_page()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "49" not in html.replace("2049", "")
    assert [attributes.get("src", "")[:8] for tag, attributes in tags(html) if tag == "script"] == ["/static/"]  # type: ignore[index]


def test_no_page_needs_what_the_policy_forbids() -> None:
    view = overview.view(LastDay([operation(30, "running"), operation(90, number=2)], []), {}, CONTEXT)
    for html in (odd_page(), Renderer("/", NAVIGATION).page(overview.PAGE, view, ABOUT)):
        for tag, attributes in tags(html):
            assert tag != "style"
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            assert not (attributes.get("href") or "").startswith(("http", "//", "javascript"))


def test_links_stand_below_the_base_path() -> None:
    view = overview.view(LastDay([operation(30)], []), {}, CONTEXT)
    html = Renderer("/precache", NAVIGATION).page(overview.PAGE, view, ABOUT)
    links = [attributes["href"] or "" for tag, attributes in tags(html) if tag in {"a", "link"}]
    assert links
    assert all(link.startswith(("/precache/", "#", "?")) for link in links)


def test_a_link_keeps_odd_values_apart() -> None:
    assert Renderer("/", NAVIGATION).link("/residency", cloud="a", aggregate="x&y=z#") == (
        "/residency?cloud=a&aggregate=x%26y%3Dz%23"
    )
