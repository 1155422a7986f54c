"""The loop and the recipes on real clips of the small corpus."""

import dataclasses

import numpy as np
import pytest
import torch

from models.losses import supervised_loss
from models.recipes import new_student, train_baseline
from models.training import TrainingError, fit, inverse_frequency, predict_logits


def test_training_twice_gives_the_same_weights(run_data, student_settings):
    (first, history), (second, again) = (train_baseline(run_data, student_settings, 0) for _ in range(2))
    assert history == again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other, _ = train_baseline(run_data, student_settings, 1)
    assert not torch.equal(first.head[0].weight, other.head[0].weight)


def test_a_small_network_learns_32_clips_by_heart(run_data, student_settings):
    videos = run_data.rows("train")
    few = videos.select(np.arange(32))
    network = student_settings.network.model_copy(update={"dropout": 0.0})
    settings = student_settings.model_copy(update={"network": network})
    training = settings.training.model_copy(update={"epochs": 60, "learning_rate": 3e-3, "batch_size": 16})
    model = new_student(run_data, settings, 0)
    fit(model, few, lambda logits, batch: supervised_loss(logits, batch["labels"]), training, 0, lambda _: None)
    assert (predict_logits(model, few, 16).argmax(1) == few.labels.numpy()).all()


def test_a_loss_that_is_not_finite_names_the_videos(run_data, student_settings):
    few = run_data.rows("train").select(np.arange(4))

    def broken(logits, batch):
        return {"loss": logits.sum() * torch.nan}

    with pytest.raises(TrainingError, match=few.video_ids[0]):
        fit(new_student(run_data, student_settings, 0), few, broken, student_settings.training, 0)


def test_no_rows_is_an_error(run_data, student_settings):
    none = run_data.videos.select(np.array([], int))
    with pytest.raises(TrainingError, match="no videos"):
        fit(new_student(run_data, student_settings, 0), none, supervised_loss, student_settings.training, 0)


def test_class_weights_are_inverse_frequencies():
    labels = torch.tensor([0] * 9 + [1] + [-1] * 5)
    weights = inverse_frequency(labels, 3)
    assert weights.tolist() == pytest.approx([10 / 27, 10 / 3, 0])


def test_batches_cut_padding_and_keep_rows_together(run_data):
    videos = run_data.videos.with_extras(position=torch.arange(len(run_data.videos)))
    generator = torch.Generator().manual_seed(0)
    seen = []
    for rows, batch in videos.batches(16, generator):
        assert batch["input_ids"].shape[1] == int(batch["attention_mask"].sum(1).max())
        assert batch["position"].tolist() == rows.tolist()
        seen += rows.tolist()
    assert sorted(seen) == list(range(len(videos)))
    assert seen != sorted(seen)


def test_videos_are_immutable(run_data):
    with pytest.raises(dataclasses.FrozenInstanceError):
        run_data.videos.labels = torch.zeros(3)
