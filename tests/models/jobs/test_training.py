"""Real processes: a training that is killed and resumes, and one that two processes share."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from common.artifacts import ALPHAS_FILE
from common.source import code_digest
from models.evaluation.scoring import score_teachers
from models.jobs import work
from models.jobs.training import Training
from models.training.checkpoints import CHECKPOINT
from models.training.loop import TrainingError
from models.training.settings import Recipe
from models.training.teachers import train_teachers

ROOT = Path(__file__).resolve().parents[3]


def job(artifacts: Path, settings: Recipe, output: Path, kind: str = "baseline", **rest) -> Training:
    return Training(
        kind=kind,
        catalogue=artifacts / "catalogue.parquet",
        clips=artifacts / "clips.arrow",
        recipe=settings,
        seed=0,
        output=output,
        **rest,
    )


def changed(settings: Recipe, **training) -> Recipe:
    return settings.model_copy(update={"training": settings.training.model_copy(update=training)})


def start(training: Training, file: Path) -> subprocess.Popen:
    file.write_text(training.model_dump_json())
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "models.jobs.training", str(file)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def steps_done(checkpoints: Path) -> tuple[int, int]:
    """(epoch, batch) of the newest checkpoint, while a training may replace it at any moment."""
    for attempt in range(50):
        try:
            found = list(checkpoints.rglob(CHECKPOINT))
            if not found:
                return 0, 0
            with safe_open(max(found, key=lambda path: path.stat().st_mtime), framework="pt") as file:
                progress = json.loads(file.metadata()["facts"])["progress"]
            return progress["epoch"], progress["batch"]
        except (FileNotFoundError, SafetensorError, RuntimeError):
            if attempt == 49:
                raise
            # Replaced between listing and opening, or between the two times that safetensors opens it.


@pytest.mark.parametrize("kind", ["baseline", "teachers"])
def test_a_training_killed_in_the_middle_of_an_epoch_ends_with_the_same_weights(kind, artifacts, recipe, tmp_path):
    settings = changed(recipe, epochs=3, batch_size=8, checkpoint_steps=1, patience=3)
    checkpoints = tmp_path / "checkpoints"
    rest = {"privileged": artifacts / "privileged"} if kind == "teachers" else {}
    whole = start(job(artifacts, settings, tmp_path / "whole", kind, **rest), tmp_path / "whole.json")
    assert whole.wait() == 0
    broken = job(artifacts, settings, tmp_path / "broken", kind, checkpoints=checkpoints, **rest)
    for least in ((1, 3), (2, 4)):  # twice, so that a checkpoint made after resuming is resumed from, too
        process = start(broken, tmp_path / "broken.json")
        while steps_done(checkpoints) < least:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "broken").exists()
    again = start(broken, tmp_path / "broken.json")
    log, _ = again.communicate()
    assert again.returncode == 0
    assert "resumes from the checkpoint at epoch" in log
    folders = [Path(), *(Path(f"fold-{fold}") for fold in range(2))] if kind == "teachers" else [Path()]
    for folder in folders[-2:]:
        first, second = (load_file(tmp_path / name / folder / "model.safetensors") for name in ("whole", "broken"))
        assert all(torch.equal(first[name], second[name]) for name in first)
        curves = [json.loads((tmp_path / name / folder / "history.json").read_text()) for name in ("whole", "broken")]
        assert curves[0] == curves[1]
    assert not list(checkpoints.rglob("*.safetensors"))


def test_another_seed_or_setting_does_not_resume_from_it(artifacts, recipe, tmp_path):
    one = job(artifacts, recipe, tmp_path)
    assert one.fingerprint() == job(artifacts, recipe, tmp_path / "elsewhere").fingerprint()
    assert one.fingerprint() != one.model_copy(update={"seed": 1}).fingerprint()
    assert one.fingerprint() != job(artifacts, changed(recipe, epochs=9), tmp_path).fingerprint()


def test_changed_code_does_not_resume_from_it(artifacts, recipe, tmp_path, monkeypatch):
    before = job(artifacts, recipe, tmp_path).fingerprint()
    monkeypatch.setattr(work, "code_digest", lambda *modules: f"{code_digest(*modules)}, changed")
    assert job(artifacts, recipe, tmp_path).fingerprint() != before


def test_two_processes_have_the_curve_of_one(artifacts, run_data, recipe, tmp_path):
    """Without dropout, which each process draws for itself; 61 rows, so that batches are uneven."""
    network = recipe.network.model_copy(update={"dropout": 0.0})
    texts = recipe.model_copy(update={"network": network, "modalities": ("title", "overlay_text")})
    curves, weights = [], []
    for processes in (1, 2):
        settings = changed(texts, epochs=3, batch_size=30, processes=processes, accumulation=2)
        job(artifacts, settings, tmp_path / str(processes)).run()
        curves.append(json.loads((tmp_path / str(processes) / "history.json").read_text()))
        weights.append(load_file(tmp_path / str(processes) / "model.safetensors"))
    assert len(run_data.rows("train")) % 30 % 2 == 1 or len(run_data.rows("train")) % 30
    for one, two in zip(*curves, strict=True):
        assert two == pytest.approx(one, rel=1e-3)
    assert max(float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0]) < 1e-2


def test_a_failure_in_several_processes_is_told_in_its_own_words(artifacts, recipe, tmp_path):
    distillation = recipe.distillation.model_copy(update={"folds": 19})
    settings = changed(recipe.model_copy(update={"distillation": distillation}), processes=2)
    with pytest.raises(TrainingError, match="needs 'privileged'"):
        job(artifacts, settings, tmp_path / "out", "teachers").run()
    assert not (tmp_path / "out").exists()


def test_a_student_job_learns_from_stored_soft_targets(artifacts, run_data, recipe, tmp_path):
    import pyarrow.parquet as pq

    dense = artifacts / "privileged"
    teachers = [teacher for teacher, _ in train_teachers(run_data, dense, recipe, 0).values()]
    targets, _ = score_teachers(teachers, run_data, dense, recipe)
    pq.write_table(targets.table(), tmp_path / "soft.parquet")
    job(artifacts, recipe, tmp_path / "student", "student", soft_targets=tmp_path / "soft.parquet").run()
    found = json.loads((tmp_path / "student" / "distillation.json").read_text())
    assert 0.1 < found["mean_alpha"] < 0.9
    alphas = pq.read_table(tmp_path / "student" / ALPHAS_FILE).to_pandas().set_index("video_id")
    splits = run_data.frame.set_index("video_id").split
    learned = ["train", "unlabelled"] if recipe.distillation.unlabelled else ["train"]
    assert set(alphas.index) == set(splits.index[splits.isin(learned)])
    labelled = splits.loc[alphas.index] == "train"
    assert (alphas.teacher_loss.notna() == labelled).all()
    assert (alphas.alpha[~labelled] == 1).all()
    expected, _ = recipe.distillation.method.alphas(targets)
    assert alphas.alpha.loc[targets.video_ids].to_numpy() == pytest.approx(expected, abs=0)
    assert alphas.alpha[labelled].mean() == pytest.approx(found["mean_alpha"])
    assert (tmp_path / "student" / "model.safetensors").is_file()
