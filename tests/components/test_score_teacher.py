"""The step that scores with the teacher also says what the teacher leans on, in the words of the feature views."""

import json
from types import SimpleNamespace

from components.score_teacher import score_teacher
from models.data.dense import dense_matrix, feature_views
from models.training.new_networks import new_teacher
from models.training.teachers import teacher_names


def test_importance_names_each_feature_and_each_view_of_the_task(artifacts, run_data, recipe, task, tmp_path):
    privileged = artifacts / "privileged"
    _, names = dense_matrix(privileged, [])
    for name in teacher_names(recipe.distillation):
        new_teacher(run_data, recipe, names, "raw and dense", 0).save_pretrained(tmp_path / "teacher" / name)
    inputs = {
        "catalogue": artifacts / "catalogue.parquet",
        "clips": artifacts / "clips.arrow",
        "privileged": privileged,
        "teacher": tmp_path / "teacher",
    }
    outputs = {name: tmp_path / name for name in ("soft_targets", "teacher_scores", "importance")}
    given = {name: SimpleNamespace(path=str(path)) for name, path in (inputs | outputs).items()}
    score_teacher.python_func(**given, recipe=recipe.model_dump_json(), seed=0, checkpoints="")
    told = json.loads(outputs["importance"].read_text())
    assert told["rows"] == (run_data.frame.split == "tuning").sum()
    assert [each["feature"] for each in told["features"]] == list(feature_views(privileged))
    assert {each["view"] for each in told["features"]} == {each["view"] for each in told["views"]}
    assert {each["view"] for each in told["views"]} == set(task.features)
    assert any(each["log_loss_rise"] != 0 for each in told["features"])
