"""All rows scored by the teachers: in one process and in two, the soft targets and the importance of one process."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.data.dense import dense_matrix
from models.jobs.scoring import IMPORTANCE, SOFT_TARGETS, TEACHER_SCORES, Scoring
from models.training.new_networks import new_teacher
from models.training.teachers import teacher_names


@pytest.fixture
def teacher(artifacts, run_data, recipe, tmp_path) -> Path:
    _, names = dense_matrix(artifacts / "privileged", [])
    for seed, name in enumerate(teacher_names(recipe.distillation)):
        new_teacher(run_data, recipe, names, "raw and dense", seed).save_pretrained(tmp_path / "teacher" / name)
    return tmp_path / "teacher"


def test_two_processes_say_of_every_video_what_one_says(artifacts, recipe, teacher, tmp_path):
    """Up to rounding: they cut the rows into other batches, and so pad texts to other lengths."""
    for processes in (1, 2):
        training = recipe.training.model_copy(update={"processes": processes})
        Scoring(
            catalogue=artifacts / "catalogue.parquet",
            clips=artifacts / "clips.arrow",
            privileged=artifacts / "privileged",
            teacher=teacher,
            recipe=recipe.model_copy(update={"training": training}),
            seed=0,
            output=tmp_path / str(processes),
        ).run()
    for file in (SOFT_TARGETS, TEACHER_SCORES):
        one, two = (pq.read_table(tmp_path / name / file).to_pandas() for name in ("1", "2"))
        assert list(one.video_id) == list(two.video_id)
        ours, theirs = np.stack(one.logits), np.stack(two.logits)
        assert ours == pytest.approx(theirs, abs=1e-5)
        assert ours.std() > 0
    told = [json.loads((tmp_path / name / IMPORTANCE).read_text()) for name in ("1", "2")]
    assert told[0]["log_loss"] == pytest.approx(told[1]["log_loss"], abs=1e-5)
    assert len(told[0]["features"]) == len(told[1]["features"]) > 0


def test_other_teachers_are_other_work(artifacts, recipe, teacher, tmp_path):
    work = Scoring(
        catalogue=artifacts / "catalogue.parquet",
        clips=artifacts / "clips.arrow",
        privileged=artifacts / "privileged",
        teacher=teacher,
        recipe=recipe,
        seed=0,
        output=tmp_path / "out",
    )
    before = work.fingerprint()
    first, second = (teacher / name for name in teacher_names(recipe.distillation)[:2])
    (first / "model.safetensors").write_bytes((second / "model.safetensors").read_bytes())
    assert work.fingerprint() != before
