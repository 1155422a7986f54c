"""The page of a run's checks: read without scripts, it says whether the run went on, and why or why not."""

import re

import pytest

from corpus.validation.expectations import Finding
from reports.checks import checks_page

HOLDS = Finding("critical", "every video has an id", passed=True)
WARNING = Finding("warning", "titles are short: 3 of 9 rows fail")
CRITICAL = Finding("critical", "labels are classes: 1 of 9 rows fail, such as v1: <b>maybe</b>")


@pytest.mark.parametrize(
    ("findings", "first"),
    [
        ([HOLDS], "The run went on: every check holds."),
        ([HOLDS, WARNING], "The run went on, with 1 warning."),
        ([HOLDS, WARNING, WARNING], "The run went on, with 2 warnings."),
        ([HOLDS, WARNING, CRITICAL], "The run was stopped: 1 critical check failed."),
    ],
)
def test_the_first_line_says_how_it_ended(findings, first):
    page = re.sub("<[^>]+>", "", checks_page("The raw window", findings).split("</style>")[1])
    assert first in page
    assert "every video has an id" in page
    assert "failed" not in page or CRITICAL in findings


def test_what_the_data_holds_is_text_and_nothing_is_run_or_fetched():
    hostile = Finding(
        "warning", '<script src="http://there"></script><meta http-equiv="refresh" content="0;url=//there">'
    )
    page = checks_page("The raw window", [CRITICAL, hostile])
    assert "v1: &lt;b&gt;maybe&lt;/b&gt;" in page
    assert "<script" not in page
    assert [tag.split("=")[0] for tag in re.findall(r"<(?:meta|form|base|link|iframe)[^>]*", page)] == [
        "<meta charset", "<meta name", "<meta http-equiv"
    ]  # fmt: skip
    assert "default-src 'none'" in page
