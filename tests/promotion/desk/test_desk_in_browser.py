"""The desk as a reviewer uses it, in a real browser at 'cpfd desk': the story from a request to the way back."""

import re
import subprocess

import pytest
from browsing import SCHEMES, WIDTHS, browsers, faults, needs_browser, overflow
from processes import CPFD
from run_records import TASK, nominated

from promotion.ledger.projection import verify
from promotion.review import approve, standing

pytestmark = [pytest.mark.browser, needs_browser]


@pytest.fixture(scope="module")
def browser():
    yield from browsers()


@pytest.fixture
def desk(office, tmp_path):
    """The address of a desk where version 1 serves and version 2 asks to."""
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    approve(office, TASK, "1", "Ada", "the first")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "two", "second", seed=8)
    command = [CPFD, "desk", "--workspace", str(tmp_path), "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.kill()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_pages_are_readable(browser, desk, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    for place in (desk, None):
        tab.goto(place) if place else tab.get_by_role("link", name=TASK).click()
        tab.wait_for_load_state("networkidle")
        assert faults(tab) == []
        assert overflow(tab) <= 0


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_approve_and_go_back(browser, desk, office, scripts):
    tab = browser.new_context(java_script_enabled=scripts).new_page()
    complaints = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.goto(desk)
    assert "Version 2 asks to serve" in tab.inner_text("main")
    tab.get_by_role("link", name=TASK).click()
    assert tab.frame_locator("iframe").locator("body").inner_text() == "{}"
    tab.get_by_label("Your name").first.fill("Bo")
    tab.get_by_role("button", name="Let version 2 serve").click()  # without a reason: the browser itself says so
    assert standing(office.ledger_uri, TASK).champion == "1"
    tab.get_by_label("Why").first.fill("<script>alert(1)</script> better on texts")
    tab.get_by_role("button", name="Let version 2 serve").click()
    tab.get_by_text("Nobody asks to serve").wait_for()
    assert standing(office.ledger_uri, TASK).champion == "2"
    assert "<script>alert(1)</script> better on texts" in tab.inner_text("table")
    tab.get_by_label("Your name").fill("Bo")
    tab.get_by_label("Why").fill("complaints")
    tab.get_by_role("button", name="Go back to version 1").click()
    tab.get_by_text("rolled back").wait_for()
    assert standing(office.ledger_uri, TASK).champion == "1"
    assert verify(office.tracking_uri, office.ledger_uri, office.key)[2] == []
    assert [each for each in complaints if "Content Security Policy" in each] == []


def test_by_keyboard_alone(browser, desk, office):
    tab = browser.new_page()
    tab.goto(desk)
    tab.get_by_role("link", name=TASK).focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/tasks/{TASK}")
    tab.get_by_label("Your name").first.focus()
    tab.keyboard.press("ControlOrMeta+a")
    tab.keyboard.type("Bo")
    tab.keyboard.press("Tab")
    tab.keyboard.type("its texts are odd")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Reject it"
    tab.keyboard.press("Enter")
    tab.get_by_text("Nobody asks to serve").wait_for()
    assert standing(office.ledger_uri, TASK).challenger == ""
