"""The step that stops before distilling from a poor teacher: on the tuning rows, resampled by their groups."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from components.check_teacher import check_teacher
from models.evaluation.judging import EvaluationError
from models.training.new_networks import new_classifier, save_network


@pytest.fixture
def step(artifacts, run_data, recipe, tmp_path):
    """Runs the step with a teacher whose logit for the label is ``strength``, and an untrained baseline."""
    save_network(new_classifier(run_data, recipe, 0), run_data.tokenizer, [], tmp_path / "baseline")

    def run(strength: float, catalogue=artifacts / "catalogue.parquet", **distillation) -> dict:
        frame = run_data.frame[run_data.frame.split.isin(["tuning", "evaluation"])]
        logits = strength * np.eye(2)[[recipe.classes.index(label) for label in frame.label]]
        scores = pd.DataFrame({"video_id": frame.video_id, "logits": logits.tolist()})
        scores.to_parquet(tmp_path / "teacher_scores", index=False)
        own = recipe.distillation.model_copy(update=distillation)
        paths = {"catalogue": catalogue, "clips": artifacts / "clips.arrow"}
        paths |= {name: tmp_path / name for name in ("baseline", "teacher_scores", "comparison")}
        given = {name: SimpleNamespace(path=str(path)) for name, path in paths.items()}
        check_teacher.python_func(**given, recipe=recipe.model_copy(update={"distillation": own}).model_dump_json())
        return json.loads((tmp_path / "comparison").read_text())

    return run


def test_a_good_teacher_passes_and_a_wrong_one_stops_unless_accepted(step, run_data, tmp_path, capsys):
    found = step(4.0)
    assert found["teacher"] == 1.0
    assert found["interval"][0] > 0
    assert found["rows"] == (run_data.frame.split == "tuning").sum()
    with pytest.raises(EvaluationError, match="the teacher is worse than the baseline"):
        step(-4.0)
    assert step(-4.0, weak_teacher="accept")["teacher"] == 0.0
    assert "a difference of -" in capsys.readouterr().out


def test_rows_of_a_group_are_resampled_together_and_a_video_without_one_alone(step, catalogue, tmp_path):
    alone = catalogue.assign(group_id=None)
    alone.to_parquet(tmp_path / "alone.parquet", index=False)
    assert step(4.0, tmp_path / "alone.parquet")["by_group"] is False
    tuning = catalogue.index[catalogue.split == "tuning"]
    alone.loc[tuning[:2], "group_id"] = "one channel"
    alone.to_parquet(tmp_path / "two.parquet", index=False)
    assert step(4.0, tmp_path / "two.parquet")["by_group"] is True
