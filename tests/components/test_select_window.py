"""The step that selects a window, for a task whose labels have another name than its own."""

import json
from types import SimpleNamespace

import pandas as pd

from components.select_window import select_window
from corpus.contract import snapshot_id
from corpus.settings import WindowSettings


def test_a_window_is_selected_by_the_labels(corpus, tmp_path):
    outputs = {name: SimpleNamespace(path=str(tmp_path / name)) for name in ("catalogue", "previous", "facts")}
    select_window.python_func(
        corpus=str(corpus), labels="topic", classes=["sport", "music"],
        window_end="2026-07-01T00:00:00+00:00", months=1, window=WindowSettings().model_dump_json(), folds=2, seed=0,
        snapshot=snapshot_id(corpus), previous_videos=200, **outputs,
    )  # fmt: skip
    assert {"sport", "music"} <= set(pd.read_parquet(outputs["catalogue"].path).label.dropna())
    facts = json.loads((tmp_path / "facts").read_text())
    assert facts["window_end"] == "2026-07-01T00:00:00+00:00"
    assert set(facts["corpus"]) == {"name", "simulated", "made_by", "description"}
