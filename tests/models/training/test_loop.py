"""The loop and the trainings that stand on it, on real clips of the small corpus."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.data.clip_stream import ClipStream, write_sources
from models.data.dataset import WIDE_LOGITS
from models.data.loading import Loader
from models.data.run_data import open_run
from models.distillation.losses import supervised_loss
from models.networks.calibration import calibrate
from models.networks.wide import shrink
from models.networks.xvlm import XVLMForClassification
from models.training import loop
from models.training.devices import checkpoint_activations
from models.training.loop import TrainingError, fit
from models.training.new_networks import new_classifier, with_wide_path
from models.training.objective import inverse_frequency, parameter_groups
from models.training.prediction import predict_logits
from models.training.students import train_baseline


def test_training_twice_gives_the_same_weights(run_data, recipe):
    (first, history), (second, again) = (train_baseline(run_data, recipe, 0) for _ in range(2))
    assert history == again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other, _ = train_baseline(run_data, recipe, 1)
    assert not torch.equal(first.head[0].weight, other.head[0].weight)


def test_a_small_network_learns_32_clips_by_heart(run_data, recipe):
    videos = run_data.rows("train")
    few = videos.select(np.arange(32))
    network = recipe.network.model_copy(update={"dropout": 0.0})
    settings = recipe.model_copy(update={"network": network})
    training = settings.training.model_copy(update={"epochs": 60, "learning_rate": 3e-3, "batch_size": 16})
    model = new_classifier(run_data, settings, 0)
    fit(model, few, lambda logits, batch: supervised_loss(logits, batch["labels"]), training, 0, lambda _: None)
    assert (predict_logits(model, few, 16).argmax(1) == few.labels.numpy()).all()


def test_a_loss_that_is_not_finite_names_the_videos(run_data, recipe):
    few = run_data.rows("train").select(np.arange(4))

    def broken(logits, batch):
        return {"loss": logits.sum() * torch.nan}

    with pytest.raises(TrainingError, match=few.video_ids[0]):
        fit(new_classifier(run_data, recipe, 0), few, broken, recipe.training, 0)


def test_no_rows_is_an_error(run_data, recipe):
    none = run_data.videos.select(np.array([], int))
    with pytest.raises(TrainingError, match="no videos"):
        fit(new_classifier(run_data, recipe, 0), none, supervised_loss, recipe.training, 0)


def test_class_weights_are_inverse_frequencies():
    labels = torch.tensor([0] * 9 + [1] + [-1] * 5)
    weights = inverse_frequency(labels, 3)
    assert weights.tolist() == pytest.approx([10 / 27, 10 / 3, 0])


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_cut_padding_and_keep_rows_together(run_data, workers):
    videos = run_data.videos.with_extras(position=torch.arange(len(run_data.videos)))
    batches = torch.randperm(len(videos)).split(16)
    loader = Loader(videos, batches, workers, torch.device("cpu"))
    seen = 0
    for expected, (rows, batch) in zip(batches, loader, strict=True):
        assert torch.equal(rows, expected)
        assert batch["input_ids"].shape[1] == int(batch["attention_mask"].sum(1).max())
        assert batch["position"].tolist() == rows.tolist()
        clips = torch.from_numpy(videos.clips.frames([videos.video_ids[row] for row in rows.tolist()]))
        assert torch.equal(batch["frames"], clips)
        seen += len(rows)
    assert seen == len(videos)
    assert loader.waited > 0


def test_videos_are_immutable(run_data):
    with pytest.raises(dataclasses.FrozenInstanceError):
        run_data.videos.labels = torch.zeros(3)


def trained(run_data, recipe, **changes):
    """Weights and history of a few rows' training without dropout."""
    network = recipe.network.model_copy(update={"dropout": 0.0})
    training = recipe.training.model_copy(update={"epochs": 2, "batch_size": 16, **changes})
    settings = recipe.model_copy(update={"network": network, "training": training})
    few = run_data.rows("train").select(np.arange(40))
    model = new_classifier(run_data, settings, 0)
    history = fit(model, few, supervised, training, 0, lambda _: None)
    return model, history


def supervised(logits, batch):
    return supervised_loss(logits, batch["labels"])


@pytest.mark.parametrize("changes", [{"accumulation": 3}, {"workers": 2}])
def test_what_saves_memory_or_time_changes_no_curve(run_data, recipe, changes):
    settings = recipe.model_copy(update={"modalities": ("title", "overlay_text")})
    data = dataclasses.replace(run_data, videos=dataclasses.replace(run_data.videos, clips=None))
    (plain, curve), (other, same) = trained(data, settings), trained(data, settings, **changes)
    for first, second in zip(curve, same, strict=True):
        assert first == pytest.approx(second, rel=1e-4)
    for first, second in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(first, second, atol=2e-4, rtol=0)


def test_gradient_checkpointing_gives_the_same_gradients_for_less_memory(run_data, recipe):
    batch = run_data.videos.batch(torch.arange(4))
    inputs = {name: batch[name] for name in XVLMForClassification.inputs if name in batch}
    gradients, kept = [], []
    for checkpointed in (False, True):
        model = new_classifier(run_data, recipe, 0).train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        for module in model.modules():
            if type(module).__name__.endswith("DropPath"):
                module.drop_prob = 0.0
        if checkpointed:
            checkpoint_activations(model)
        sizes: list[int] = []
        counted = torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, sizes=sizes: (sizes.append(tensor.numel()), tensor)[1], lambda tensor: tensor
        )
        with counted:
            model(**inputs).logsumexp(1).sum().backward()
        gradients.append(model.xvlm.encoder.embeddings.word_embeddings.weight.grad.clone())
        kept.append(sum(sizes))
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-6, rtol=1e-4)
    assert kept[1] < 0.7 * kept[0]


def test_half_precision_trains_to_about_the_same_loss(run_data, recipe):
    (_, curve), (model, other) = (trained(run_data, recipe, precision=p) for p in ("float32", "bfloat16"))
    assert other[-1]["loss"] == pytest.approx(curve[-1]["loss"], rel=0.05)
    assert other[-1]["loss"] != curve[-1]["loss"]
    assert model.head[0].weight.dtype == torch.float32


def test_training_stops_early_and_puts_the_best_weights_back(run_data, recipe):
    changes = {"epochs": 40, "patience": 6, "least_steps": 0, "learning_rate": 3e-3, "batch_size": 16}
    training = recipe.training.model_copy(update=changes)
    train, tuning = (replace(rows, ngrams=None) for rows in (run_data.rows("train"), run_data.rows("tuning")))
    plain = recipe.model_copy(update={"network": recipe.network.model_copy(update={"wide": None})})
    model = new_classifier(run_data, plain, 0)
    history = fit(model, train.select(np.arange(40)), supervised, training, 0, lambda _: None, validation=tuning)
    assert 3 <= len(history) < 40
    losses = [row["tuning_loss"] for row in history]
    logits = predict_logits(model, tuning, 16)
    assert calibrate(logits, tuning.labels.numpy()).loss == pytest.approx(min(losses), rel=1e-5)
    assert losses[-1] > min(losses)


@pytest.mark.parametrize("patience", [6, None])
def test_what_layers_add_to_a_wide_path_is_shrunk_at_the_end(run_data, recipe, patience, monkeypatch):
    changes = {"epochs": 12, "patience": patience, "least_steps": 0, "learning_rate": 3e-3, "batch_size": 16}
    training = recipe.training.model_copy(update=changes)
    model = new_classifier(run_data, recipe, 0)
    rows, tuning = with_wide_path(model, recipe, supervised, run_data.rows("train"), run_data.rows("tuning"))
    rows = replace(rows, labels=1 - rows.labels).select(np.arange(40))  # what it learns is wrong
    weights: list[float] = []
    monkeypatch.setattr(loop, "shrink", lambda head, share: (weights.append(share), shrink(head, share)))
    history = fit(model, rows, supervised, training, 0, lambda _: None, validation=tuning)
    assert 0 <= weights[0] < (1.01 if patience else 1.0)
    labels, wide = tuning.labels.numpy(), tuning.extras[WIDE_LOGITS].numpy()
    found = calibrate(predict_logits(model, tuning, 16), labels, wide)
    assert found.share == pytest.approx(1.0, abs=1e-3)
    if patience:
        assert found.loss == pytest.approx(min(row["tuning_loss"] for row in history), rel=1e-5)


def test_a_batch_that_does_not_fit_is_told_with_the_largest_that_does(run_data, recipe):
    model = new_classifier(run_data, recipe, 0)
    real = model.forward

    def small_memory(input_ids, **inputs):
        if len(input_ids) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(input_ids, **inputs)

    model.forward = small_memory
    training = recipe.training.model_copy(update={"batch_size": 16})
    with pytest.raises(TrainingError, match=r"16 videos .*, but 4 do: .*batch_size to 4 or .*accumulation to 4"):
        fit(model, run_data.rows("train"), supervised, training, 0)


def test_one_broken_video_is_named_alone(run_data, recipe):
    few = run_data.rows("train").select(np.arange(8))
    dense = torch.zeros(8, 3)
    broken = few.with_extras(dense=dense)
    model = new_classifier(run_data, recipe, 0)
    real = model.forward

    def poisoned(input_ids, **inputs):
        logits = real(input_ids, **inputs)
        return torch.cat([logits[:2], logits[2:3] * torch.nan, logits[3:]])

    model.forward = poisoned
    with pytest.raises(TrainingError) as caught:
        fit(model, broken, supervised, recipe.training, 0)
    assert sum(video_id in str(caught.value) for video_id in few.video_ids) == 1


def test_what_pre_training_did_not_bring_learns_faster(run_data, recipe):
    model = new_classifier(run_data, recipe, 0)
    settings = recipe.training
    assert {group["lr"] for group in parameter_groups(model, settings)} == {settings.learning_rate}
    model.started_parts = frozenset(name for name, _ in model.named_parameters() if not name.startswith("head."))
    rates = {}
    for group in parameter_groups(model, settings):
        rates |= {id(parameter): group["lr"] for parameter in group["params"]}
    assert len(rates) == len(list(model.parameters()))
    assert rates[id(model.head[0].weight)] == 2 * rates[id(model.xvlm.encoder.embeddings.word_embeddings.weight)]


def test_clips_that_are_not_stored_are_decoded_ahead_to_the_same_curve(
    artifacts, catalogue, run_data, recipe, tmp_path, capfd
):
    """Real files, two worker processes; the first video is broken and said to be."""
    training = recipe.training.model_copy(update={"workers": 2, "epochs": 1, "batch_size": 8})
    clips = recipe.clips.model_copy(update={"stored": False})
    settings = recipe.model_copy(update={"clips": clips, "training": training})
    sources = list(zip(catalogue.video_id, catalogue.media_uri, strict=True))
    write_sources(sources, tmp_path / "sources.arrow", clips)
    streamed = open_run(artifacts / "catalogue.parquet", tmp_path / "sources.arrow", settings)
    known = [video_id for video_id in streamed.videos.video_ids if video_id in run_data.videos.clips][:6]
    np.testing.assert_array_equal(streamed.videos.clips.frames(known), run_data.videos.clips.frames(known))
    curves = []
    for data, own in ((run_data, recipe), (streamed, settings)):
        rows = data.rows("train").select(np.arange(24))
        stored = own.model_copy(update={"training": training.model_copy(update={"workers": own.training.workers})})
        curves.append(fit(new_classifier(data, stored, 0), rows, supervised, stored.training, 0, print))
    assert curves[0] == curves[1]
    assert "waited for data" in capfd.readouterr().out
    (tmp_path / "cut.mp4").write_bytes(b"no video")
    write_sources([("broken", str(tmp_path / "cut.mp4"))], tmp_path / "broken.arrow", clips)
    assert not ClipStream(tmp_path / "broken.arrow").frames(["broken"]).any()
    assert "broken is read as black frames: " in capfd.readouterr().out
