"""The pages of a run beside each other: its report, what it found out about features, what its checks said.

A report is made where a cluster makes it, without knowing which run it is for, and without what was found about
privileged features, which no path of the graph leads to the registry. Both are put into the copy on this machine.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from common.files import whole

# (step, output) of a run, the name that its page has beside the report, and what the link says.
PAGES = (
    ("validate-data/data_docs_page", "raw_window.html", "checks of the raw window"),
    ("validate-features/data_docs_page", "feature_checks.html", "checks of the privileged features"),
    (
        "validate-features/features_page",
        "features.html",
        "privileged features: when they came, what they look like",
    ),
)
CHECKS_PAGE = "data_docs_page"  # the output of a step that checks
RAW_FINDINGS, FEATURE_FINDINGS = "validate-data/findings", "validate-features/findings"
RUN_PLACE, WARNINGS_PLACE = "<!-- the run -->", "<!-- warnings of the run -->"
PAGES_PLACE = "<!-- pages of the run -->"


@dataclass(frozen=True)
class PublishedRun:
    """What the pages say of the run itself. ``started`` is in seconds after 1970."""

    name: str
    started: float
    version: str | None


def publish(outputs: Mapping[str, Path], evidence: Path, run: PublishedRun) -> list[str]:
    """Put the run's pages beside ``evidence``/report.html, and links, run and warnings into it.

    Args:
        outputs: where each output of the run is, by "step/output", also of steps from the cache.

    Returns:
        the warnings of all checks.
    """
    links = []
    for output, name, title in PAGES:
        _copy(outputs[output], evidence / name)
        links.append(f'<a href="{name}">{escape(title)}</a>')
    warnings = {output: _sentences(outputs[output]) for output in (RAW_FINDINGS, FEATURE_FINDINGS)}
    listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in warnings[FEATURE_FINDINGS])
    started = datetime.fromtimestamp(run.started, UTC)
    registered = f", version {escape(run.version)}" if run.version else ""
    page = (evidence / "report.html").read_text()
    page = page.replace(
        RUN_PLACE, f'<div class="sub">run {escape(run.name)}, started {started:%Y-%m-%d %H:%M} UTC{registered}</div>'
    )
    page = page.replace(WARNINGS_PLACE, listed or "<li>The privileged features: none.</li>")
    page = page.replace(PAGES_PLACE, f"<p>Pages: {'; '.join(links)}.</p>")
    with whole(evidence / "report.html") as partial:
        partial.write_text(page)
    return [*warnings[RAW_FINDINGS], *warnings[FEATURE_FINDINGS]]


def publish_checks(outputs: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Put the pages of a failed run's checks into ``folder``. Returns them by the step that checked."""
    found = {}
    for output, name, _ in PAGES:
        step, _, what = output.partition("/")
        if what == CHECKS_PAGE and output in outputs:
            folder.mkdir(parents=True, exist_ok=True)
            _copy(outputs[output], folder / name)
            found[step] = folder / name
    return found


def _copy(page: Path, target: Path) -> None:
    with whole(target) as partial:
        partial.write_bytes(page.read_bytes())


def _sentences(findings: Path) -> list[str]:
    return [each["sentence"] for each in json.loads(findings.read_text())]
