"""Hugging Face models as starts: the same functions as their own classes compute, every tensor accounted for."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from published_models import PADDED, TEXTS, TOKENS, VISION, body, publish
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from models.networks.xvlm import XVLMForClassification
from models.settings import NetworkSettings
from models.starts.huggingface import convert_huggingface
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import WeightsError, open_start
from models.training.new_networks import new_classifier

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


@pytest.fixture
def published(tmp_path):
    """Writes a model of that class and says where."""
    return lambda kind: publish(kind, tmp_path / kind)


def started(folder: Path) -> XVLMForPretraining:
    config, state = open_start(folder)
    model = XVLMForPretraining(config)
    model.load_state_dict(state)
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("kind", VISION)
def test_a_tower_computes_what_the_models_own_class_does(published, tmp_path, kind):
    folder = published(kind)
    convert_huggingface(folder, published("BertModel"), tmp_path / "start")
    pixels = torch.randn(2, 3, 32, 32)
    theirs, own = body(folder), started(tmp_path / "start").xvlm.vision.tokens(pixels)
    expected = theirs(pixels).last_hidden_state
    if kind.startswith("CLIP"):
        expected = theirs.post_layernorm(expected)
    if kind.startswith("Swin"):
        own = own[:, 1:]  # the mean stands in front
    assert expected.std() > 0.1
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("kind", TEXTS)
def test_an_encoder_computes_what_the_models_own_class_does_in_its_lower_half_and_as_a_whole(published, tmp_path, kind):
    folder = published(kind)
    convert_huggingface(None, folder, tmp_path / "start")
    encoder = started(tmp_path / "start").xvlm.encoder
    ids, mask = torch.randint(5, TOKENS, (3, 12)), torch.ones(3, 12, dtype=torch.long)
    ids[0, 7:], mask[0, 7:] = 0, 0
    theirs = body(folder)(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    states = encoder.text_states(ids, mask)
    layers = len(theirs.hidden_states) - 1
    assert [len(encoder.text_layers), len(encoder.cross_layers)] == [layers // 2, layers - layers // 2]
    seen = mask.bool()
    torch.testing.assert_close(states[seen], theirs.hidden_states[layers // 2][seen], atol=1e-5, rtol=1e-4)
    joint = encoder.joint_states(states, mask, None)
    torch.testing.assert_close(joint[seen], theirs.last_hidden_state[seen], atol=1e-5, rtol=1e-4)


def test_cross_attention_is_new_and_the_same_each_time_and_the_rest_of_its_layers_is_not(published, tmp_path):
    vision, text = published("ViTModel"), published("BertModel")
    for name in ("one", "two"):
        converted = convert_huggingface(vision, text, tmp_path / name)
    (config, first), (_, second) = (open_start(tmp_path / name) for name in ("one", "two"))
    assert config.fusion_layer == 2
    assert all(torch.equal(first[name], second[name]) for name in first)
    new = [name for name in first if "crossattention" in name]
    assert len(new) == 3 * 10
    assert set(new) <= set(converted.report.missing)
    assert first["xvlm.encoder.cross_layers.0.crossattention.self.key.weight"].shape == (32, 24)
    top = load_file(text / "model.safetensors")["encoder.layer.4.output.dense.weight"]
    assert torch.equal(first["xvlm.encoder.cross_layers.2.output.dense.weight"], top)


def test_every_tensor_is_loaded_new_or_said_to_be_dropped(published, tmp_path):
    converted = convert_huggingface(
        published("DeiTForImageClassificationWithTeacher"), published("BertForMaskedLM"), tmp_path / "start"
    )
    heads = "cls_classifier", "distillation_classifier", "cls.", "embeddings.word_embeddings.weight["
    assert all(name.startswith(heads) for name in converted.dropped)
    assert sum(name.startswith("embeddings.") for name in converted.dropped) == PADDED - TOKENS
    assert converted.report.unexpected == converted.report.interpolated == ()
    own = set(started(tmp_path / "start").state_dict())
    assert own == {*converted.report.loaded, *converted.report.missing}
    assert f"{len(converted.dropped)} dropped" in converted.describe()


@pytest.mark.parametrize("file", ["preprocessor_config.json", "processor_config.json"])
def test_pixel_statistics_travel_with_the_start_to_what_is_trained_from_it(run_data, recipe, published, tmp_path, file):
    folder, text = published("ViTModel"), published("BertModel")
    assert "normalised as CLIP's" in convert_huggingface(folder, text, tmp_path / "usual").describe()
    written = IMAGENET if file.startswith("preprocessor") else {"image_processor": IMAGENET}
    (folder / file).write_text(json.dumps(written))
    assert "normalised" not in convert_huggingface(folder, text, tmp_path / "start").describe()
    data = data_of(run_data, tmp_path / "start")
    model = new_classifier(data, of_start(recipe, tmp_path / "start"), 0)
    model.save_pretrained(tmp_path / "student")
    again = XVLMForClassification.from_pretrained(tmp_path / "student").eval()
    frames = torch.randint(0, 256, (1, 2, 32, 32, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(IMAGENET[name]) for name in ("image_mean", "image_std"))
    pixels = ((frames[0] / 255 - mean) / std).permute(0, 3, 1, 2)
    expected = body(folder)(pixels).last_hidden_state.flatten(0, 1)[None]
    torch.testing.assert_close(again.xvlm.visual_tokens(frames), expected, atol=1e-4, rtol=1e-4)


def test_pixel_statistics_that_are_none_are_refused(published, tmp_path):
    folder = published("ViTModel")
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": 0.5, "image_std": [0.5] * 3}))
    with pytest.raises(WeightsError, match="three numbers"):
        convert_huggingface(folder, published("BertModel"), tmp_path / "start")


def of_start(recipe, start: Path, image_size: int = 32):
    clips = recipe.clips.model_copy(update={"image_size": image_size})
    return recipe.model_copy(update={"network": NetworkSettings(start=str(start)), "clips": clips})


def data_of(run_data, start: Path):
    return dataclasses.replace(run_data, tokenizer=PreTrainedTokenizerFast.from_pretrained(start))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["ViTModel", "DeiTForImageClassificationWithTeacher", "CLIPVisionModel"])
def test_frames_of_another_size_are_read_as_the_models_own_class_reads_them(
    run_data, recipe, published, tmp_path, kind
):
    folder = published(kind)
    convert_huggingface(folder, published("BertModel"), tmp_path / "start")
    settings = of_start(recipe, tmp_path / "start", image_size=48)
    tower = new_classifier(data_of(run_data, tmp_path / "start"), settings, 0).eval().xvlm.vision
    pixels, theirs = torch.randn(1, 3, 48, 48), body(folder)
    expected = theirs(pixels, interpolate_pos_encoding=True).last_hidden_state
    if kind.startswith("CLIP"):
        expected = theirs.post_layernorm(expected)
    torch.testing.assert_close(tower.tokens(pixels), expected, atol=1e-4, rtol=1e-4)
