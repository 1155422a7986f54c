"""The pages of a run beside each other, with links, the run's own facts and all warnings in the report."""

import json
from pathlib import Path

import pytest

from reports.publishing import PublishedRun, publish

REPORT = """<h1>topic</h1><!-- the run -->
<ul><li>raw: 1 of 9</li><!-- warnings of the run --></ul><!-- pages of the run -->"""


@pytest.fixture
def outputs(tmp_path) -> dict[str, Path]:
    found = {}
    for step, names in {
        "validate-data": ("data_docs_page", "findings"),
        "validate-features": ("data_docs_page", "features_page", "findings"),
    }.items():
        for name in names:
            path = tmp_path / step / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{step} {name}")
            found[f"{step}/{name}"] = path
    found["validate-data/findings"].write_text(json.dumps([{"sentence": "raw: 1 of 9"}]))
    found["validate-features/findings"].write_text(json.dumps([{"sentence": "views <drift> by 0.3"}]))
    return found


@pytest.fixture
def evidence(tmp_path) -> Path:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "report.html").write_text(REPORT)
    return tmp_path / "evidence"


def test_pages_stand_beside_the_report_and_are_linked_from_it(outputs, evidence):
    publish(outputs, evidence, PublishedRun("topic-to-20260701-at-1", 0.0, "3"))
    page = (evidence / "report.html").read_text()
    for name, output in {
        "raw_window.html": "validate-data/data_docs_page",
        "feature_checks.html": "validate-features/data_docs_page",
        "features.html": "validate-features/features_page",
    }.items():
        assert (evidence / name).read_text() == outputs[output].read_text()
        assert f'href="{name}"' in page


def test_the_report_says_which_run_it_is_and_repeats_every_warning(outputs, evidence):
    found = publish(outputs, evidence, PublishedRun("topic-to-20260701-at-1", 1_782_000_000.0, "3"))
    assert found == ["raw: 1 of 9", "views <drift> by 0.3"]
    page = (evidence / "report.html").read_text()
    assert "run topic-to-20260701-at-1, started 2026-06-21 00:00 UTC, version 3" in page
    assert "<li>raw: 1 of 9</li><li>views &lt;drift&gt; by 0.3</li>" in page


def test_without_warnings_and_version_it_says_so(outputs, evidence):
    outputs["validate-features/findings"].write_text("[]")
    publish(outputs, evidence, PublishedRun("r", 0.0, None))
    page = (evidence / "report.html").read_text()
    assert "The privileged features: none." in page
    assert "version" not in page
