"""The pages in a real Chromium: they move without a reload, are fit for a screen reader, and fit a telephone.

`PRECACHE_SCREENSHOTS=docs/images` writes the documents' screenshots.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.integration.web.pages import Web
from tests.services.build import made_once, run
from tests.services.debian import install_package
from tests.services.state import cache_dir
from tests.support import captures
from tests.support.process import wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.more

LARGE = "blog-95-hosts-8-errors"
CHROMIUM = Path("/usr/bin/chromium")
AXE = "4.10.3"
# Nothing of its own goes to the network.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        install_package("chromium", "chromium", provides=CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, which finds what a screen reader or a keyboard can't use."""
    name = f"axe-core-{AXE}"
    with made_once(name) as made:
        if made is not None:
            if shutil.which("npm") is None:
                install_package("npm", "npm", provides=Path("/usr/bin/npm"))
            (made / "package.json").write_text("{}")
            run(["npm", "install", "--no-audit", "--no-fund", f"axe-core@{AXE}"], cwd=made, log=made / "npm.log")
    return (cache_dir() / name / "node_modules" / "axe-core" / "axe.min.js").read_text()


def opened(browser: Browser, url: str, *, width: int = 1200, scheme: Any = "light") -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(url)
    page.problems = problems  # type: ignore[attr-defined]
    return page


def picture(page: Page, name: str) -> None:
    """Take a screenshot for the documents, where that is asked for."""
    folder = os.environ.get("PRECACHE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_running_operation_moves_and_a_host_that_fails_appears(stack: Stack, browser: Browser) -> None:
    for name in captures.ALL[1:]:
        stack.publish(captures.read_as_of_now(name))
    start, *reports, end = captures.read_as_of_now(LARGE)
    with Web(stack).wait_up() as web:
        stack.publish([start, *reports[:1]])
        wait_until(lambda: [row["hosts_done"] for row in web.view("/")["running"]] == [1], "it alone to run", 30)
        [running] = web.view("/")["running"]
        page = opened(browser, web.url)
        detail = opened(browser, f"{web.url}/operation/{running['operation']}")
        page.evaluate("window.same = true")
        detail.evaluate("window.same = true")
        assert detail.locator("tr[id^='host-']").count() == 0
        stack.publish(reports[1:60])
        expect(page.get_by_role("row").filter(has_text="60/95")).to_be_visible(timeout=15_000)
        expect(detail.locator("tr[id='host-guaranine2']")).to_be_visible(timeout=15_000)
        picture(page, "web-overview")
        picture(detail, "web-operation")
        page.get_by_role("button", name="Live").click()
        expect(page.get_by_role("status")).to_contain_text("Paused")
        stack.publish([*reports[60:], end])
        expect(detail.locator(".lead")).to_contain_text("completed with errors", timeout=15_000)
        assert page.get_by_role("row").filter(has_text="60/95").count() == 1
        page.get_by_role("button", name="Paused").click()
        expect(page.get_by_text("Nothing runs.")).to_be_visible(timeout=15_000)
        assert page.evaluate("window.same")
        assert detail.evaluate("window.same")
        assert page.problems == detail.problems == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (380, "light")])
def test_every_page_is_fit_for_all(ended: Stack, browser: Browser, axe: str, width: int, scheme: str) -> None:
    with Web(ended).wait_up() as web:
        wait_until(lambda: not web.view("/")["live_problem"], "Kafka to be read")
        [large] = [row for row in web.view("/")["wrong"] if row["hosts_total"] == 95]
        paths = ["/", "/operations", "/wanted", "/boots", "/bridges", f"/operation/{large['operation']}", "/nothing"]
        paths.append(f"/residency?cloud=paris&aggregate={large['aggregate_uuid']}")
        for path in paths:
            page = opened(browser, web.url + path, width=width, scheme=scheme)
            # Not as an inline script: the policy forbids those, as it should.
            page.evaluate(axe)
            found = page.evaluate("axe.run()")
            assert not [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]], path
            assert len(found["passes"]) > 10
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            page.context.close()


def test_the_keyboard_reaches_everything(ended: Stack, browser: Browser) -> None:
    with Web(ended).wait_up() as web:
        page = opened(browser, web.url)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Live")).to_be_focused()
        page.keyboard.press("Space")
        expect(page.get_by_role("status")).to_contain_text("Paused")
