"""Starts of our own: what is taken, what is brought to another size, what is refused."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.data.run_data import open_run
from models.data.text import TextError, learn_tokenizer
from models.networks.xvlm import XVLMConfig
from models.settings import NetworkSettings, TextSettings
from models.starts.named_files import named_files_digest
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import WeightsError, open_start, save_start, start_from
from models.training.new_networks import new_classifier
from models.training.settings import Recipe


@pytest.fixture(scope="module")
def start(artifacts, run_data, recipe, tmp_path_factory) -> Path:
    """A start of our own with recognisable weights."""
    folder = tmp_path_factory.mktemp("start") / "start"
    torch.manual_seed(3)
    config = XVLMConfig.from_settings(recipe, run_data.tokenizer)
    model = XVLMForPretraining.for_tokenizer(config, run_data.tokenizer)
    torch.nn.init.normal_(model.xvlm.frame_position)
    save_start(model, run_data.tokenizer, folder)
    return folder


def started(recipe, start: Path, **network):
    return recipe.model_copy(update={"network": NetworkSettings(start=str(start), dense_widths=(8,), **network)})


def test_a_student_starts_from_a_start_and_reads_with_its_tokenizer(artifacts, run_data, recipe, start):
    settings = started(recipe, start)
    data = open_run(artifacts / "catalogue.parquet", artifacts / "clips.arrow", settings)
    model, weights = new_classifier(data, settings, 0), load_file(start / "model.safetensors")
    for name, values in model.state_dict().items():
        if name.startswith("xvlm."):
            assert torch.equal(values, weights[name]), name
    assert model.started_parts == {name for name in model.state_dict() if name.startswith("xvlm.")}
    assert data.tokenizer.get_vocab() == run_data.tokenizer.get_vocab()


@pytest.mark.parametrize("given", [{}, {"window_size": 6}])
def test_settings_with_a_start_are_read_as_they_were_written(recipe, start, given):
    settings = started(recipe, start, **given)
    again = Recipe.model_validate_json(settings.model_dump_json())
    assert again.network.model_fields_set & {"window_size", "text_width"} == set(given)
    assert again.model_dump_json() == settings.model_dump_json()
    assert again.network.start == str(start)


def test_other_weights_under_the_same_name_are_another_run(recipe, start, tmp_path):
    folder = tmp_path / "start"
    shutil.copytree(start, folder)
    settings = started(recipe, folder)
    before = named_files_digest(settings)
    assert named_files_digest(recipe) == ""
    weights = load_file(folder / "model.safetensors")
    weights["temperature"] += 1
    save_file(weights, folder / "model.safetensors")
    assert named_files_digest(settings) != before


def test_another_size_of_frame_and_window_is_interpolated_and_said(artifacts, run_data, recipe, start, capsys):
    clips = recipe.clips.model_copy(update={"frames": 5, "image_size": 64})
    settings = started(recipe, start, window_size=6).model_copy(update={"clips": clips})
    settings = settings.model_copy(update={"network": settings.network.model_copy(update={"wide": None})})
    model = new_classifier(run_data, settings, 0)
    assert model.xvlm.frame_position.shape[1] == 5
    assert "brought to another size (" in capsys.readouterr().out
    frames = torch.randint(0, 256, (2, 5, 64, 64, 3), dtype=torch.uint8)
    batch = run_data.videos.batch(torch.arange(2))
    assert torch.isfinite(model(batch["input_ids"], batch["attention_mask"], frames)).all()


def test_a_student_of_texts_alone_leaves_the_tower_and_says_so(run_data, recipe, start, capsys):
    settings = started(recipe, start).model_copy(update={"modalities": ("title", "overlay_text")})
    model = new_classifier(run_data, settings, 0)
    logged = capsys.readouterr().out
    assert "in the start and not used (" in logged
    assert not hasattr(model.xvlm, "vision")
    layer = "xvlm.encoder.cross_layers.0.output.dense.weight"
    assert torch.equal(model.state_dict()[layer], load_file(start / "model.safetensors")[layer])


def test_starts_that_do_not_fit_are_refused(artifacts, run_data, recipe, start, tmp_path):
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(WeightsError, match="no start weights"):
            open_start(folder)
    for name in ("cut", "short"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text((start / "config.json").read_text())
    content = (start / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(content[:-500])
    with pytest.raises(WeightsError, match="truncated"):
        open_start(tmp_path / "cut")
    weights = load_file(start / "model.safetensors")
    lost = "xvlm.encoder.text_layers.0.output.dense.weight"
    save_file({name: values for name, values in weights.items() if name != lost}, tmp_path / "short/model.safetensors")
    with pytest.raises(WeightsError, match=lost):
        new_classifier(run_data, started(recipe, tmp_path / "short"), 0)
    (tmp_path / "cut" / "config.json").write_text('{"model_type": "resnet"}')
    with pytest.raises(WeightsError, match="holds a resnet"):
        open_start(tmp_path / "cut")
    other = run_data.__class__(run_data.frame, run_data.videos, learn_tokenizer(["aa", "aa"], TextSettings()))
    with pytest.raises(WeightsError, match="tokenizer does not match"):
        new_classifier(other, started(recipe, start), 0)
    longer = started(recipe, start).model_copy(update={"text": TextSettings(title_tokens=90)})
    with pytest.raises(TextError, match="positions"):
        new_classifier(run_data, longer, 0)
    with pytest.raises(ValueError, match="leave out text_width, vision_depths"):
        NetworkSettings(start="x", text_width=12, vision_depths=(1, 1, 1, 1))


def test_a_head_is_taken_for_as_many_classes_only(run_data, recipe, capsys):
    model = new_classifier(run_data, recipe, 0)
    state = {name: values + 1 for name, values in model.state_dict().items()}
    assert "head.3.bias" in start_from(model, state).loaded
    classes = recipe.model_copy(update={"classes": ("a", "b", "c")})
    other = new_classifier(run_data, classes, 0)
    before = other.head[0].weight.clone()
    report = start_from(other, state)
    new = {name for name in report.missing if name.startswith(("head.", "wide."))}
    assert new == set(report.unexpected)
    assert not other.wide.weight.any()  # a wide path is fitted, and taken from nowhere
    assert torch.equal(other.head[0].weight, before)
