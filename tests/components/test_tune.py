"""The step that tunes: what it leaves, and that rows which judge a run have no part in it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from components.tune import tune
from models.data.dense import feature_views
from models.studies.search_space import Tuned, search_space

JUDGING = ("tuning", "evaluation", "held_out")


def tuned(catalogue: pd.DataFrame, artifacts: Path, recipe, folder: Path) -> tuple[Tuned, pd.DataFrame]:
    folder.mkdir()
    catalogue.to_parquet(folder / "catalogue.parquet", index=False)
    paths = {
        "catalogue": folder / "catalogue.parquet",
        "clips": artifacts / "clips.arrow",
        "privileged": artifacts / "privileged",
        "best": folder / "best",
        "table": folder / "table",
    }
    tune.python_func(
        **{name: SimpleNamespace(path=str(path)) for name, path in paths.items()},
        task="low_quality",
        recipe=recipe.model_dump_json(),
        trials=2,
        storage=f"sqlite:///{folder / 'trials.db'}",
        seed=0,
        checkpoints="",
    )
    return Tuned.model_validate_json((folder / "best").read_text()), pd.read_parquet(folder / "table")


def test_labels_and_texts_of_rows_that_judge_a_run_change_no_value(catalogue, artifacts, recipe, tmp_path):
    poisoned = catalogue.copy()
    judging = poisoned.split.isin(JUDGING)
    assert judging.sum() > 20
    swapped = dict(zip(recipe.classes, reversed(recipe.classes), strict=True))
    poisoned.loc[judging, "label"] = poisoned.label[judging].map(swapped)
    poisoned.loc[judging, ["title", "overlay_text"]] = "poison " * 20
    before, table = tuned(catalogue, artifacts, recipe, tmp_path / "before")
    after, table_after = tuned(poisoned, artifacts, recipe, tmp_path / "after")
    assert before == after
    pd.testing.assert_frame_equal(table, table_after)
    paths = [each.path for each in search_space(recipe)]
    assert list(before.best) == paths
    assert list(table.columns) == ["trial", "state", "value", *paths]
    read = catalogue.copy()  # so that a value would move
    read.loc[~judging, "title"] = read.label[~judging]
    assert tuned(read, artifacts, recipe, tmp_path / "read")[0].own_value != before.own_value
    told = json.dumps(before.model_dump()) + table.to_json()
    assert not [feature for feature in feature_views(artifacts / "privileged") if f'"{feature}"' in told]
