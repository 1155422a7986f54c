"""The page of a run's checks: what was expected of a table, what held, and what did not."""

from collections.abc import Sequence
from typing import Any

from reports.rendering import render


def checks_page(title: str, findings: Sequence[Any]) -> str:
    """``findings`` say of each expectation its ``severity`` (critical or warning), ``sentence`` and ``passed``."""
    failed = [each for each in findings if not each.passed]
    return render(
        "checks.html",
        title=title,
        stopped=[each for each in failed if each.severity == "critical"],
        warnings=[each for each in failed if each.severity != "critical"],
        passed=[each for each in findings if each.passed],
    )
