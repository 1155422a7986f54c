"""Unlabelled videos that a student learns from: how many, which, and at what weight."""

import numpy as np
import pytest
import torch

from models.distillation.losses import distillation_loss
from models.distillation.methods import PFD, LabelSmoothing
from models.distillation.settings import DistillationSettings, UnlabelledSettings
from models.distillation.soft_targets import SoftTargets
from models.training.students import learned_videos


@pytest.fixture
def targets(run_data, rng):
    learning = run_data.rows("train", "unlabelled")
    logits = np.log(rng.dirichlet([1, 1], len(learning))).astype(np.float32)
    return SoftTargets(learning.video_ids, logits, learning.labels.numpy(), np.zeros(len(learning), int))


def learned(run_data, targets, **settings):
    distillation = DistillationSettings(method=PFD(), **settings)
    return learned_videos(run_data, targets, distillation, 0)


def test_all_or_none(run_data, targets):
    labelled = int((run_data.frame.split == "train").sum())
    assert len(learned(run_data, targets)) == len(learned(run_data, targets, unlabelled=False)) == labelled
    everything = learned(run_data, targets, unlabelled=True)
    assert everything.video_ids == run_data.rows("train", "unlabelled").video_ids
    assert "row_weight" not in everything.extras
    teacherless = DistillationSettings(method=LabelSmoothing(), unlabelled=True)
    assert len(learned_videos(run_data, targets, teacherless, 0)) == labelled


def test_so_many_by_chance_or_those_of_which_the_teacher_is_surest(run_data, targets):
    labelled = set(run_data.rows("train").video_ids)
    few = UnlabelledSettings(most=5, choice="surest", weight=0.25)
    rows = learned(run_data, targets, unlabelled=few)
    chosen = [video_id for video_id in rows.video_ids if video_id not in labelled]
    assert len(chosen) == 5
    assert labelled <= set(rows.video_ids)
    unlabelled = targets.select(run_data.rows("unlabelled").video_ids)
    surest = np.argsort(-unlabelled.logits.max(1))[:5]
    assert set(chosen) == {unlabelled.video_ids[row] for row in surest}
    assert torch.equal(rows.extras["row_weight"], torch.where(rows.labels < 0, 0.25, 1.0))
    drawn, again = (learned(run_data, targets, unlabelled={"most": 5}).video_ids for _ in range(2))
    assert drawn == again
    assert len(drawn) == len(labelled) + 5


def test_a_weight_counts_a_row_so_often():
    logits, teacher = torch.randn(4, 2), torch.randn(4, 2)
    labels, alpha = torch.tensor([0, 1, -1, -1]), torch.tensor([0.5, 0.5, 1.0, 1.0])
    batch = {"teacher_logits": teacher, "labels": labels, "alpha": alpha}
    weighted = distillation_loss(logits, {**batch, "row_weight": torch.tensor([1.0, 1.0, 2.0, 0.0])})
    twice = torch.tensor([0, 1, 2, 2])
    repeated = distillation_loss(logits[twice], {name: values[twice] for name, values in batch.items()})
    assert weighted["loss"] == pytest.approx(float(repeated["loss"]))
