"""What shuffling a privileged feature costs the teacher: known worths are found, and only on tuning rows."""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from privileged_artifact import write_privileged

from models.data.run_data import RunData
from models.distillation.methods import VanillaKD
from models.evaluation.importance import Importance, feature_importance
from models.evaluation.metrics import roc_auc
from models.evaluation.scoring import score_teachers, softmax
from models.training.new_networks import new_teacher
from models.training.teachers import train_teachers

VIEWS = {"marker": "strong", "noise": "weak", "absence": "weak", "constant": "still"}


@pytest.fixture(scope="module", params=["network", "boosted"])
def settings(recipe, request):
    """Texts alone and more steps: a teacher that learns its dense features in a second."""
    training = recipe.training.model_copy(update={"epochs": 6, "learning_rate": 3e-3, "batch_size": 32})
    distillation = recipe.distillation.model_copy(update={"teacher": request.param})
    changes = {"training": training, "modalities": ("title", "overlay_text"), "distillation": distillation}
    return recipe.model_copy(update=changes)


@pytest.fixture(scope="module")
def data(run_data):
    """600 videos with the corpus's texts and labels of our own making, which only dense features know."""
    rng = np.random.default_rng(0)
    videos = run_data.videos.select(np.arange(600) % len(run_data.videos))
    videos = dataclasses.replace(
        videos,
        video_ids=[f"video-{row}" for row in range(600)],
        clips=None,
        labels=torch.from_numpy((rng.random(600) < 0.4).astype(np.int64)),
    )
    split = rng.choice(["train", "tuning", "evaluation"], 600, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame({"video_id": videos.video_ids, "split": split, "fold": rng.integers(0, 2, 600)})
    return RunData(frame, videos, run_data.tokenizer)


def write(path, data, **columns):
    return write_privileged(path, pa.table({"video_id": data.videos.video_ids, **columns}))


def known_columns(data, seed=0):
    """A feature that gives the label away, one that does by being absent, one that does not, one that never moves."""
    rng = np.random.default_rng(seed)
    positive = data.videos.labels.numpy() == 1
    return {
        "marker": positive + 0.4 * rng.normal(size=len(positive)),
        "noise": rng.normal(size=len(positive)),
        "absence": pa.array(np.ones(len(positive)), mask=positive ^ (rng.random(len(positive)) < 0.2)),
        "constant": np.full(len(positive), 3.0),
    }


@pytest.fixture(scope="module")
def features(data, tmp_path_factory):
    return write(tmp_path_factory.mktemp("known") / "privileged", data, **known_columns(data))


@pytest.fixture(scope="module")
def teachers(data, features, settings):
    return [teacher for teacher, _ in train_teachers(data, features, settings, 0).values()]


@pytest.fixture(scope="module")
def found(teachers, data, features, settings) -> Importance:
    return feature_importance(teachers, data, features, settings, 0, VIEWS)


def by_feature(importance):
    return {each.feature: each for each in importance.features}


def test_a_trained_teacher_leans_on_the_marker_and_not_on_noise(found):
    features = by_feature(found)
    assert found.repeats == 5
    assert features["marker"].roc_auc_drop > 0.1
    assert features["marker"].log_loss_rise > 0.1
    assert 0 < features["marker"].roc_auc_drop_deviation < 0.1
    assert features["absence"].roc_auc_drop > 0.02  # a missing value moves like any other
    assert abs(features["noise"].roc_auc_drop) < 0.02
    assert "leans most on marker" in found.sentence


def test_what_never_moves_costs_exactly_nothing(found):
    constant = by_feature(found)["constant"]
    assert constant.view == "still"
    assert set(constant.model_dump(exclude={"feature", "view"}).values()) == {0.0}


def test_views_are_shuffled_as_a_whole(found):
    features, views = by_feature(found), {each.view: each for each in found.views}
    assert list(views) == ["strong", "weak", "still"]
    assert views["strong"].model_dump(exclude={"view"}) == features["marker"].model_dump(exclude={"feature", "view"})
    alone = [features[name].model_dump(exclude={"feature", "view"}) for name in ("noise", "absence")]
    assert views["weak"].model_dump(exclude={"view"}) not in alone


def test_the_intact_teacher_is_the_one_that_is_judged(found, teachers, data, features, settings):
    _, judged = score_teachers(teachers, data, features, settings)
    tuning = data.frame[data.frame.split == "tuning"].index
    logits = judged.to_pandas().set_index("video_id").logits.loc[data.frame.video_id[tuning]]
    labels = data.videos.labels.numpy()[tuning]
    assert found.rows == len(tuning) > 150
    assert found.roc_auc == pytest.approx(roc_auc(labels, softmax(np.stack(logits))), abs=1e-6)


def test_the_same_seed_finds_the_same_and_another_does_not(found, teachers, data, features, settings):
    assert feature_importance(teachers, data, features, settings, 0, VIEWS) == found
    other = feature_importance(teachers, data, features, settings, 1, VIEWS)
    assert other.roc_auc == found.roc_auc
    assert by_feature(other)["marker"] != by_feature(found)["marker"]


def test_values_of_other_rows_than_the_tuning_rows_change_nothing(found, teachers, data, settings, tmp_path):
    columns, others = known_columns(data), (data.frame.split != "tuning").to_numpy()
    if settings.distillation.boosted:  # which is fitted to training rows; others have no part in it either
        others = (data.frame.split == "evaluation").to_numpy()
    columns["marker"] = np.where(others, 99.0, columns["marker"])
    changed = write(tmp_path / "changed.parquet", data, **columns)
    assert feature_importance(teachers, data, changed, settings, 0, VIEWS) == found


def test_a_sample_is_small_and_keeps_every_class(teachers, data, features, settings):
    for seed in range(10):
        few = feature_importance(teachers, data, features, settings, seed, VIEWS, repeats=2, most_rows=3)
        assert (few.rows, few.repeats) == (3, 2)
        assert few.roc_auc is not None


def by_networks(settings, **changes):
    """The same with DF-X-VLM as the teacher."""
    distillation = settings.distillation.model_copy(update={"teacher": "network", **changes})
    return settings.model_copy(update={"distillation": distillation})


def hand_set(data, settings, names, weights):
    """Teachers that see dense features alone; the positive class's logit is a weighted sum of their asinh."""
    teachers = [new_teacher(data, settings, names, "dense", 0) for _ in range(settings.distillation.folds)]
    for teacher in teachers:
        teacher.dense_branch = torch.nn.Identity()
        teacher.head = torch.nn.Linear(teacher.scaler.width, 2, bias=False)
        torch.nn.init.zeros_(teacher.head.weight)
        teacher.head.weight.data[1, : len(weights)] = torch.tensor(weights)
    return teachers


def test_a_vector_is_one_feature_and_a_view_moves_together(data, settings, tmp_path):
    """The parts cancel out in every row: together they can be moved at no cost, one alone cannot."""
    columns, rng = known_columns(data), np.random.default_rng(5)
    apart = rng.normal(size=len(data.videos)) * 5
    path = write(
        tmp_path / "privileged", data,
        marker=columns["marker"], vector=np.stack([apart, -apart], 1).tolist(), left=apart, right=-apart,
    )  # fmt: skip
    names = ["marker", "vector[0]", "vector[1]", "left", "right"]
    settings = by_networks(settings)
    teachers = hand_set(data, settings, names, [4.0, 1.0, 1.0, 1.0, 1.0])
    found = feature_importance(teachers, data, path, settings, 0, {"left": "pair", "right": "pair"})
    features = by_feature(found)
    assert list(features) == ["marker", "vector", "left", "right"]
    assert features["marker"].roc_auc_drop > 0.2
    assert features["vector"].log_loss_rise == pytest.approx(0, abs=1e-6)
    assert min(features["left"].roc_auc_drop, features["right"].roc_auc_drop) > 0.05
    (pair,) = found.views
    assert pair.view == "pair"
    assert pair.log_loss_rise == pytest.approx(0, abs=1e-6)


def test_a_teacher_of_raw_input_alone_has_no_importance(data, features, settings):
    settings = by_networks(settings, method=VanillaKD())
    teachers = [new_teacher(data, settings, [], "raw", 0) for _ in range(settings.distillation.folds)]
    found = feature_importance(teachers, data, features, settings, 0, VIEWS)
    assert found == Importance(repeats=5)
    assert "no importance" in found.sentence


def test_a_class_without_a_tuning_row_leaves_nothing_to_measure(teachers, data, features, settings):
    more = settings.model_copy(update={"classes": (*settings.classes, "unseen")})
    assert feature_importance(teachers, data, features, more, 0, VIEWS).features == []
