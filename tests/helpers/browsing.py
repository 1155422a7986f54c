"""A real browser for tests: this machine's own Chromium. Where there is none, they are skipped, and say so."""

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
# Of these two, the first is a phone's width and the second a laptop's.
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="SKIPPED: there is no Chromium on this machine")


def browsers() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def faults(page: Page) -> list[str]:
    """What axe finds wrong with a page's accessibility: a line a rule, with the first place."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:160]})" for each in found]


def overflow(page: Page) -> int:
    """Pixels by which a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
