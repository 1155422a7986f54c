"""Pre-training: closed forms of its objectives, what is masked, and that it teaches all parts."""

import dataclasses
import math

import pytest
import torch

from models.data.run_data import open_run
from models.jobs.training import Training
from models.networks.xvlm import XVLMConfig
from models.settings import NetworkSettings
from models.starts.pretraining import XVLMForPretraining, contrastive_loss, hard_negatives, mask_tokens
from models.training.new_networks import new_classifier
from models.training.students import pretrain


def test_contrast_is_zero_for_perfect_pairs_and_log_n_for_none():
    perfect, own = torch.eye(4), torch.eye(4, dtype=torch.bool)
    assert contrastive_loss(perfect, perfect, torch.tensor(0.001), own).item() == pytest.approx(0, abs=1e-6)
    alike = torch.ones(4, 2) / 2**0.5
    assert contrastive_loss(alike, alike, torch.tensor(0.07), own).item() == pytest.approx(math.log(4))
    video, text = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    rows = torch.tensor([[0.6, 0.0], [0.8, 1.0]]) / 0.5
    truth = torch.tensor([0, 1])
    expected = (torch.nn.functional.cross_entropy(rows, truth) + torch.nn.functional.cross_entropy(rows.T, truth)) / 2
    torch.testing.assert_close(contrastive_loss(video, text, torch.tensor(0.5), own[:2, :2]), expected)


def test_videos_of_one_text_share_its_target():
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    video = torch.eye(3)
    text = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]) * 50
    assert contrastive_loss(video, text, torch.tensor(1.0), same).item() == pytest.approx(math.log(2) * 2 / 3)


def test_negatives_are_of_other_texts_and_mostly_the_similar_ones():
    similarity = torch.tensor([[9.0, 5.0, 0.0], [0.0, 9.0, 5.0], [5.0, 0.0, 9.0]])
    own = torch.eye(3, dtype=torch.bool)
    draws = torch.stack([hard_negatives(similarity, own)[0] for _ in range(300)])
    assert (draws != torch.arange(3)).all()
    assert (draws == torch.tensor([1, 2, 0])).float().mean() > 0.9
    pair = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    assert {tuple(hard_negatives(similarity, pair)[0].tolist())[:2] for _ in range(50)} == {(2, 2)}
    assert hard_negatives(similarity, torch.ones(3, 3, dtype=torch.bool))[1].tolist() == [False] * 3


@pytest.fixture
def texts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, special tokens and continuations: 200 texts of 16 words of two pieces, one text of none."""
    ids = torch.randint(10, 60, (200, 34), generator=torch.Generator().manual_seed(0))
    ids[:, 1::2] = torch.randint(60, 100, (200, 17), generator=torch.Generator().manual_seed(1))
    special = torch.zeros(200, 34, dtype=torch.bool)
    special[:, [0, 33]] = True
    special[0] = True
    ids[:, 0], ids[:, 33] = 2, 3
    return ids, special, torch.arange(100) >= 60


def test_a_quarter_at_most_eight_by_whole_words_and_never_a_special_token(texts):
    ids, special, continuation = texts
    masked, labels = mask_tokens(ids, special, continuation, mask_id=4, vocabulary=100)
    chosen = labels != -100
    assert chosen.sum(1).tolist() == [0] + [8] * 199
    assert not (chosen & special).any()
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(masked[~chosen], ids[~chosen])
    halves = chosen[1:, 2:33:2].float().mean(), (chosen[1:, 2:32:2] & chosen[1:, 3:33:2]).float().mean()
    assert halves[1] > 0.8 * halves[0]  # both pieces of a word, but where the eighth token cuts one
    assert (masked[chosen] == 4).float().mean().item() == pytest.approx(0.8, abs=0.04)
    assert (masked[chosen] == ids[chosen]).float().mean().item() == pytest.approx(0.1, abs=0.04)


def test_short_texts_have_one_masked_token(texts):
    ids, special, continuation = texts
    special[:, 3:] = True
    _, labels = mask_tokens(ids, special, continuation, mask_id=4, vocabulary=100)
    assert (labels[1:] != -100).sum(1).tolist() == [1] * 199


def network(run_data, recipe) -> XVLMForPretraining:
    torch.manual_seed(0)
    config = XVLMConfig.from_settings(recipe, run_data.tokenizer)
    return XVLMForPretraining.for_tokenizer(config, run_data.tokenizer)


def test_every_term_is_named_and_reaches_all_parts(run_data, recipe):
    model = network(run_data, recipe)
    batch = run_data.videos.batch(torch.arange(6))
    losses = model(batch["input_ids"], batch["attention_mask"], batch["frames"])
    assert set(losses) == {"loss", "masked_language", "contrastive", "matching"}
    assert losses["loss"].item() == pytest.approx(sum(value.item() for name, value in losses.items() if name != "loss"))
    losses["loss"].backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    assert model.xvlm.vision.embeddings.patch_embeddings.projection.weight.grad.abs().sum() > 0


def test_texts_that_are_empty_and_a_single_video_break_nothing(run_data, recipe):
    model = network(run_data, recipe)
    cls, sep = run_data.tokenizer.cls_token_id, run_data.tokenizer.sep_token_id
    ids = torch.tensor([[cls, sep, sep]])
    frames = run_data.videos.batch(torch.arange(1))["frames"]
    losses = model(ids, torch.ones_like(ids), frames)
    assert losses["masked_language"].item() == 0
    assert losses["matching"].item() == 0
    losses["loss"].backward()


def test_a_network_without_frames_learns_from_masked_words_alone(run_data, recipe):
    settings = recipe.model_copy(update={"modalities": ("title", "overlay_text")})
    data = dataclasses.replace(run_data, videos=dataclasses.replace(run_data.videos, clips=None))
    model, history = pretrain(data, settings, 0)
    assert not hasattr(model, "vision_proj")
    assert set(history[0]) == {"epoch", "loss", "masked_language", "learning_rate"}


def test_pre_training_lowers_its_loss_and_is_a_start(artifacts, run_data, recipe, tmp_path):
    training = recipe.training.model_copy(update={"epochs": 6, "learning_rate": 2e-3})
    settings = recipe.model_copy(update={"training": training})
    _, history = pretrain(run_data, settings, 0)
    assert history[-1]["masked_language"] < history[0]["masked_language"] - 0.3
    assert history[-1]["contrastive"] < history[0]["contrastive"]
    job = Training(
        kind="pretraining", catalogue=artifacts / "catalogue.parquet", clips=artifacts / "clips.arrow",
        recipe=recipe, seed=0, output=tmp_path / "start",
    )  # fmt: skip
    job.run()
    started = recipe.model_copy(update={"network": NetworkSettings(start=str(tmp_path / "start"))})
    data = open_run(job.catalogue, job.clips, started)
    assert new_classifier(data, started, 0).started_parts
    again = job.model_copy(update={"recipe": started, "output": tmp_path / "further"})
    assert again.fingerprint() != job.fingerprint()
    again.run()
    assert (tmp_path / "further" / "model.safetensors").is_file()
