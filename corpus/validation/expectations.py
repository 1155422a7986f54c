"""Great Expectations over a run's tables: what must hold, how a failure is reported, and the Data Docs."""

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from great_expectations.expectations.expectation import Expectation

from common.errors import UserError

EXAMPLES = 5
MANY = 100_000  # rows, of which no single ones are shown: Great Expectations' list of them would be as long
NOTE = "note"
CRITICAL, WARNING = "critical", "warning"
# Values of the data stand in the page as they are: whatever they hold, nothing of it is run or fetched, and nothing
# leads away by itself, which is what a policy cannot forbid of a <meta>.
POLICY = (
    '<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'\">"
)
LEADS_AWAY = re.compile(r"<(?=/?(meta|link|base|form|iframe)\b)", re.IGNORECASE)
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 24px auto; padding: 0 20px; }
table { border-collapse: collapse; margin: 6px 0 18px; } th, td { text-align: left; padding: 4px 14px 4px 0; }
th { border-bottom: 1px solid #d8dee4; } img, footer { display: none; }
.fa-check-circle::before { content: "\\2713"; color: #1a7f37; } .fa-times::before { content: "\\2717"; color: #cf222e; }
.fa-exclamation-triangle::before { content: "!"; color: #b35900; } .fas { font-style: normal; font-weight: bold; }
"""


class DataInvalid(UserError):  # noqa: N818 - the verdict on the data, as the field says it
    """The data failed a critical expectation; the message says which, with counts and examples."""


@dataclass(frozen=True)
class Finding:
    """What became of one expectation, in a sentence; one that fails stops the run (critical) or is a warning."""

    severity: str
    sentence: str
    passed: bool = False


def validate(
    frame: pd.DataFrame, name: str, expectations: Sequence[Expectation], docs: Path, key: str = "video_id"
) -> list[Finding]:
    """Run ``expectations`` over ``frame``, write the Data Docs folder ``docs`` and return what became of each.

    Rows that fail are named by their ``key``, and by their ``note`` if the frame has that column.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    with tempfile.TemporaryDirectory() as scratch:
        context.add_data_docs_site(
            "site",
            {
                "class_name": "SiteBuilder",
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": scratch},
            },
        )
        asset = context.data_sources.add_pandas("pandas").add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe("window")
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=list(expectations)))
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["site"])],
            result_format={
                "result_format": "COMPLETE" if len(frame) < MANY else "SUMMARY",
                "unexpected_index_column_names": [column for column in (key, NOTE) if column in frame.columns],
                "partial_unexpected_count": EXAMPLES,
            },
        )
        outcome = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
        shutil.copytree(scratch, docs, dirs_exist_ok=True)
    for page in docs.rglob("*.html"):
        page.write_text(self_contained(page.read_text()))
    (result,) = outcome.run_results.values()
    (docs / "result.json").write_text(json.dumps(result.to_json_dict(), default=str, indent=1))
    return findings(result, key)


def findings(result: ExpectationSuiteValidationResult, key: str) -> list[Finding]:
    """What became of each expectation. One that could not be computed is critical: it is not known to hold."""
    found = []
    for outcome in result.results:
        config = outcome.expectation_config
        broken = not outcome.success and not outcome.result
        severity = CRITICAL if broken else str(config.severity or CRITICAL).rsplit(".", 1)[-1].lower()
        sentence = _described(config) if outcome.success else _sentence(config, outcome, key, broken)
        found.append(Finding(severity, sentence, bool(outcome.success)))
    return found


def failed(found: Sequence[Finding]) -> list[Finding]:
    """Those that did not hold, the critical ones first."""
    return sorted((each for each in found if not each.passed), key=lambda each: each.severity != CRITICAL)


def _described(config: Any) -> str:
    return str((config.meta or {}).get("says") or config.type)


def _sentence(config: Any, outcome: Any, key: str, broken: bool) -> str:
    described = _described(config)
    if broken:
        return f"{described}: could not be checked ({str(outcome.exception_info)[:200]})"
    result = outcome.result
    if result.get("unexpected_count") is not None:
        rows = result.get("unexpected_index_list") or []
        examples = [_example(row, key, config.kwargs.get("column")) for row in rows[:EXAMPLES]]
        if not examples:
            examples = [_short(value) for value in (result.get("partial_unexpected_list") or [])[:EXAMPLES]]
        count, total = result["unexpected_count"], result["element_count"]
        return f"{described}: {count} of {total} rows fail, such as {'; '.join(examples)}"
    return f"{described}: observed {_short(result.get('observed_value'))}"


def _example(row: dict[str, Any], key: str, column: str) -> str:
    note = f" ({row[NOTE]})" if row.get(NOTE) else ""
    return f"{row.get(key)}: {_short(row.get(column))}{note}"


def _short(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def raise_if_critical(found: Sequence[Finding], table: str) -> None:
    """Print what failed; raise DataInvalid with the critical ones."""
    for finding in failed(found):
        print(f"{finding.severity}: {finding.sentence}", flush=True)
    critical = [finding.sentence for finding in failed(found) if finding.severity == CRITICAL]
    if critical:
        raise DataInvalid(f"the {table} failed {len(critical)} critical expectation(s): " + " | ".join(critical))


def self_contained(page: str) -> str:
    """A Data Docs page that loads nothing from elsewhere: its scripts and styles come from eight other hosts."""
    page = re.sub(r"<script[^>]*src=.https?:[^>]*></script>", "", page)
    head, end, body = page.partition("</head>")
    page = LEADS_AWAY.sub("&lt;", re.sub("<(link|meta)[^>]*>", "", head) + end + body)
    return page.replace("<head>", f"<head>{POLICY}<style>{STYLE}</style>", 1)


def says(sentence: str) -> dict[str, str]:
    """The ``meta`` of an expectation: the sentence that reports its failure."""
    return {"says": sentence}
