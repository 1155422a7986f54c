"""Evidence of a made-up run, as its artifacts hold it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.artifacts import COST_FILE, HISTORY_FILE
from models.evaluation.judging import MODELS, evaluate
from models.training.students import Trust
from pipelines.task import load_task
from promotion.champion import Champion
from promotion.gate.deciding import decide
from promotion.gate.policy import GateSettings
from promotion.gate.reading import read_case
from promotion.gate.verdict import Verdict
from reports.evidence import Evidence

FACTS = {
    "window_start": "2026-04-01T00:00:00+00:00",
    "window_end": "2026-07-01T00:00:00+00:00",
    "corpus": {"name": "clips", "simulated": False, "description": "Real <clips>.", "made_by": "import"},
    "snapshot": "a1",
    "seed": 0,
    "code_version": "c1",
    "videos": {"train": 100, "tuning": 100, "evaluation": 200},
}


def peers_of(labels: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """A peer of raw input that is always right, and one of privileged features that knows nothing."""
    return {"TF-IDF": np.eye(classes)[labels], "boosting": np.full((len(labels), classes), 1 / classes)}


@pytest.fixture
def read(tmp_path, rng):
    """Evidence of a made-up run of a task whose student was trained with ``method``."""

    def evidence(method: str, task: str = "low_quality") -> Evidence:
        settings = load_task(task).model_dump(mode="json")
        settings["distillation"]["method"] = method
        settings["modalities"] = ["title", "overlay_text"]
        classes = settings["classes"]
        labels, judging = np.arange(300) % len(classes), np.arange(300) >= 100
        probabilities = {name: rng.dirichlet(np.ones(len(classes)), 300) for name in MODELS}
        table = {"video_id": [f"v{row}" for row in range(300)], "label": labels}
        table |= {"split": np.where(judging, "evaluation", "tuning")}
        table |= {"group_id": table["video_id"], "slice: published": np.arange(300) // 8 % 2}
        scores = {**probabilities, **peers_of(labels, len(classes))}
        pq.write_table(pa.table(table | {n: v.tolist() for n, v in scores.items()}), tmp_path / "scores")
        texts = {
            "video_id": table["video_id"],
            "title": ["<script>alert(1)</script>"] * 300,
            "overlay_text": [None] * 300,
        }
        pq.write_table(pa.table(texts), tmp_path / "catalogue")
        pd.DataFrame({"reason": ["no frames: x"] * 3}).to_parquet(tmp_path / "set_aside", index=False)
        for name in ("baseline", "student"):
            (tmp_path / name).mkdir()
            cost = {"seconds": 61, "device": "cpu", "processes": 1, "parameters": 700_000}
            (tmp_path / name / COST_FILE).write_text(json.dumps(cost))
            (tmp_path / name / HISTORY_FILE).write_text(json.dumps([{"epoch": 1, "loss": 0.5, "learning_rate": 0.0}]))
        losses, alphas = np.array([0.1, np.nan, 2.0], np.float32), np.array([0.8, 1.0, 0.2])
        Trust(["a", "b", "c"], alphas, losses, {"mean_alpha": 0.5}).write(tmp_path / "student")
        return Evidence.read(
            facts={**FACTS, "task": task},
            settings=settings,
            evaluation=evaluate(
                {**probabilities, **peers_of(labels, len(classes))},
                labels,
                judging,
                tuple(classes),
                0,
                "f1",
                ["TF-IDF"],
            ),
            scores=tmp_path / "scores",
            set_aside=[tmp_path / "set_aside"],
            networks={name: tmp_path / name for name in ("baseline", "student")},
            catalogue=tmp_path / "catalogue",
            clips=tmp_path / "no clips",
        )

    return evidence


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., Verdict]:
    """What the gate says of evidence that ``read`` made; checks may have other levels than theirs."""

    def verdict(evidence: Evidence, **levels: str) -> Verdict:
        scores = pq.read_table(tmp_path / "scores").to_pandas()
        case = read_case(evidence.evaluation, scores, Champion(), evidence.settings, 1, [])
        return decide(case, GateSettings(checks=levels, fewest_slice_positives=5))

    return verdict
