"""The methods: whom they learn from, how far they trust, and that each of them trains a student."""

import numpy as np
import pytest
import torch

from models.data.run_data import RunData
from models.distillation.methods import CAMKD, CPFD, METHODS
from models.distillation.settings import UnlabelledSettings
from models.distillation.soft_targets import SoftTargets
from models.evaluation.scoring import load_teacher, score_teachers
from models.training.students import distill_student
from models.training.teachers import train_teachers


def targets(losses: list[float], labels: list[int]) -> SoftTargets:
    """Binary soft targets with these losses; without a label the loss is that of class 0."""
    own = np.exp(-np.array(losses))
    positive = np.where(np.array(labels) == 1, own, 1 - own)
    logits = np.log(np.stack([1 - positive, positive], axis=1)).astype(np.float32)
    ids = [f"v{index}" for index in range(len(losses))]
    return SoftTargets(ids, logits, np.array(labels), np.zeros(len(losses), int))


@pytest.mark.parametrize("method", METHODS)
def test_a_video_without_a_label_has_alpha_one_and_no_loss(method):
    given = targets([0.1, 2.0, 0.3], [0, 1, -1])
    alphas, _ = METHODS[method]().alphas(given)
    assert alphas[2] == 1
    assert (alphas[:2] < 1).all()
    assert np.isnan(given.loss[2])
    np.testing.assert_allclose(given.loss[:2], [0.1, 2.0], rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_confident_methods_tell_samples_apart(method):
    alphas, _ = METHODS[method]().alphas(targets([0.1, 2.0, 0.1, 2.0], [0, 1, 1, 0]))
    if method in ("cpfd", "ca_mkd"):
        assert alphas[0] > alphas[1]
    else:
        assert len(set(alphas)) == 1


def test_ca_mkds_weight_is_one_less_its_softmax_over_two_losses():
    alphas, _ = CAMKD().alphas(targets([0.5], [1]))
    weights = 1 - torch.tensor([0.0, 0.5]).softmax(0)  # the label's loss is 0
    assert alphas[0] == pytest.approx(weights[1].item(), abs=1e-5)


def test_a_class_of_its_own_has_its_own_constants():
    losses = [*np.linspace(0.01, 0.6, 60), *np.linspace(0.5, 5.0, 60)]
    given = targets(losses, [0] * 60 + [1] * 60)
    together, _ = CPFD().alphas(given)
    apart, constants = CPFD(class_conditional=True).alphas(given)
    assert apart[60:].mean() > 1.1 * together[60:].mean()
    assert constants["loss_max_class_0"] < constants["loss_max_class_1"]


def test_calibration_finds_the_temperature_that_blew_the_logits_up(rng):
    labels = (rng.random(4_000) < 0.3).astype(int)
    honest = np.log(np.where(labels == 1, 0.6, 0.2))  # the truth's own probabilities, by a noisy sign
    positive = np.where(rng.random(4_000) < 0.5, np.exp(honest), 0.3)
    truth = (rng.random(4_000) < positive).astype(int)
    logits = np.log(np.stack([1 - positive, positive], axis=1)).astype(np.float32)
    blown = SoftTargets([str(i) for i in range(4_000)], 3 * logits, truth, np.zeros(4_000, int))
    found = blown.calibrated().logits
    np.testing.assert_allclose(np.exp(found[:, 1]), positive, atol=0.06)
    assert np.nanmean(blown.calibrated().loss) < np.nanmean(blown.loss)


@pytest.mark.parametrize(
    ("method", "teacher", "weights"),
    [*((name, "network", name == "cpfd") for name in METHODS), ("pfd", "boosted", True)],
)
def test_every_method_trains_a_student_from_the_teacher_it_asks_for(
    method, teacher, weights, artifacts, run_data, recipe, tmp_path
):
    changes = {"method": METHODS[method](), "unlabelled": UnlabelledSettings(weight=0.5), "teacher": teacher}
    distillation = recipe.distillation.model_copy(update=changes)
    training = recipe.training.model_copy(update={"epochs": 1, "class_weights": weights})
    settings = recipe.model_copy(update={"distillation": distillation, "training": training})
    dense = artifacts / "privileged"
    teachers = train_teachers(run_data, dense, settings, 0)
    for name, (network, _) in teachers.items():
        network.save_pretrained(tmp_path / name)
    loaded = [load_teacher(tmp_path / name) for name in teachers]
    sees = "raw" if teacher == "boosted" else METHODS[method].teacher or "raw and dense"
    assert all(("dense" in network.inputs) == ("dense" in sees) for network in loaded)
    soft_targets, _ = score_teachers(loaded, run_data, dense, settings)
    student, history, trust = distill_student(run_data, soft_targets, settings, 0)
    assert {"loss", "label_loss", "soft_target_loss", "mean_alpha"} <= set(history[0])
    assert np.isfinite(history[0]["loss"])
    assert type(student).__name__ == "XVLMForClassification"
    assert (trust.constants["mean_alpha"] == 0) if method == "self_training" else 0 < trust.constants["mean_alpha"] < 1


def test_a_teacher_of_dense_features_alone_does_not_see_the_video(artifacts, run_data, recipe):
    distillation = recipe.distillation.model_copy(update={"method": METHODS["generalised"]()})
    settings = recipe.model_copy(update={"distillation": distillation})
    teacher, _ = train_teachers(run_data, artifacts / "privileged", settings, 0)["fold-0"]
    batch = run_data.videos.batch(torch.arange(2))
    dense = torch.zeros(2, len(teacher.config.dense_features))
    teacher.eval()
    seen = teacher(batch["input_ids"], batch["attention_mask"], dense, batch["frames"])
    other = teacher(batch["input_ids"] * 0, batch["attention_mask"], dense, batch["frames"] * 0)
    assert torch.equal(seen, other)
    assert not torch.equal(seen, teacher(batch["input_ids"], batch["attention_mask"], dense + 9, batch["frames"]))


def test_pad_takes_a_batch_of_one_video_and_keeps_its_best_epoch(artifacts, run_data, recipe):
    distillation = recipe.distillation.model_copy(update={"method": METHODS["pad"](), "folds": 1})
    training = recipe.training.model_copy(update={"batch_size": 16, "epochs": 2, "patience": 1})
    settings = recipe.model_copy(update={"distillation": distillation, "training": training})
    few = run_data.frame[run_data.frame.split == "train"].index[:33]  # 16, 16 and 1
    kept = sorted([*few, *run_data.frame[run_data.frame.split == "tuning"].index])
    data = RunData(run_data.frame.loc[kept].reset_index(drop=True), run_data.videos.select(kept), run_data.tokenizer)
    teachers = [teacher for teacher, _ in train_teachers(data, artifacts / "privileged", settings, 0).values()]
    targets, _ = score_teachers(teachers, data, artifacts / "privileged", settings)
    assert set(targets.folds) == {-1}  # in-sample: no fold's teacher left the video out
    _, history, _ = distill_student(data, targets, settings, 0)
    assert "tuning_loss" in history[0]
