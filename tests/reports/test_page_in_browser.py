"""The report as a reviewer sees it: on a phone and a laptop, light and dark, by screen reader, and its slider."""

import pytest
from browsing import SCHEMES, WIDTHS, browsers, faults, needs_browser, overflow

from reports.evidence import render_report

pytestmark = [pytest.mark.browser, needs_browser]


@pytest.fixture(scope="module")
def browser():
    yield from browsers()


@pytest.fixture
def page(read, judged, tmp_path):
    evidence = read("cpfd")
    path = tmp_path / "report.html"
    path.write_text(render_report(evidence, judged(evidence), ["titles are <short>"]))
    return path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_is_readable_and_asks_for_nothing_from_elsewhere(browser, page, width, scheme):
    asked = []
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.as_uri())
    assert faults(tab) == []
    assert overflow(tab) <= 0
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_slider_shows_what_another_threshold_decides(browser, page):
    tab = browser.new_page()
    tab.goto(page.as_uri())
    slider = tab.get_by_label("Threshold on the student's score")
    slider.focus()
    tab.keyboard.press("Home")
    assert tab.locator("#at").inner_text() == "0.000"
    assert (tab.locator("#missed").inner_text(), tab.locator("#left").inner_text()) == ("0", "0")
    assert tab.locator("#volume").inner_text() == "100.0 %"
    tab.keyboard.press("End")
    assert tab.locator("#found").inner_text() == "0"
