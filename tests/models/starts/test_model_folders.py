"""Folders of Hugging Face models that are refused, each in a sentence, and that nothing is left of the start."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from published_models import publish, tokenizer
from safetensors.torch import load, load_file, save_file

from models.data.text import TextError
from models.starts.huggingface import convert_huggingface
from models.starts.weights import WeightsError


@pytest.fixture
def text(tmp_path) -> Path:
    return publish("BertModel", tmp_path / "text")


@pytest.fixture
def vision(tmp_path) -> Path:
    return publish("ViTModel", tmp_path / "vision")


@pytest.fixture
def refused(tmp_path, text, vision):
    """Says whether the conversion is refused with these words, and nothing written."""

    def check(words: str, error: type[Exception] = WeightsError) -> None:
        with pytest.raises(error, match=words) as caught:
            convert_huggingface(vision, text, tmp_path / "start")
        assert "\n" not in str(caught.value)
        assert not [path for path in tmp_path.iterdir() if "start" in path.name]

    return check


def change(folder: Path, lost: str = "", **added: torch.Tensor) -> None:
    """The folder without the tensors that begin so, and with others."""
    file = folder / "model.safetensors"
    state = {name: values for name, values in load_file(file).items() if not lost or not name.startswith(lost)}
    save_file({**state, **added}, file, {"format": "pt"})


@pytest.mark.parametrize(("part", "lost"), [
    ("vision", "layernorm."), ("vision", "embeddings.position_embeddings"), ("text", "encoder.layer.4.output.dense"),
    ("text", "embeddings.token_type_embeddings"),
])  # fmt: skip
def test_a_tensor_that_is_not_there_is_named(tmp_path, refused, part, lost):
    change(tmp_path / part, lost)
    refused(f"{part} lacks . tensors of a (vit|bert) of its config.*{lost}")


def test_names_that_nobody_knows_are_a_model_without_its_tensors(vision, refused):
    state = load_file(vision / "model.safetensors")
    save_file({f"tower.{name}": values for name, values in state.items()}, vision / "model.safetensors")
    refused("vision lacks .. tensors of a vit of its config")


def test_a_pooler_that_is_not_there_is_not_missed(tmp_path, text, vision):
    for folder in (text, vision):
        change(folder, "pooler.")
    converted = convert_huggingface(vision, text, tmp_path / "start")
    assert not [name for name in converted.dropped if "pooler" in name]


def test_a_tensor_that_the_network_would_not_have_is_named(text, refused):
    change(text, **{"encoder.layer.0.attention.self.distance_embedding.weight": torch.zeros(3, 8)})
    refused("has 1 tensors that no bert of its config has: encoder.layer.0.attention.self.distance_embedding.weight")


def test_more_layers_than_the_config_says_are_another_model(text, refused):
    config = json.loads((text / "config.json").read_text())
    (text / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 4}))
    refused(r"has 16 tensors that no bert of its config has: encoder\.layer\.4\.")


def test_a_shape_that_is_another_than_the_configs_is_named(vision, refused):
    config = json.loads((vision / "config.json").read_text())
    (vision / "config.json").write_text(json.dumps({**config, "num_channels": 1, "image_size": 64}))
    refused("in another shape: embeddings.position_embeddings")


@pytest.mark.parametrize(("part", "kind", "words"), [
    ("vision", "dinov2", "holds a model of type dinov2, and --vision reads vit, deit, swin, clip"),
    ("vision", "bert", "holds a model of type bert, and --vision"),
    ("text", "deberta-v2", "holds a model of type deberta-v2, and --text reads bert, .*distilbert"),
    ("text", None, "holds a model of type None"),
])  # fmt: skip
def test_a_model_of_another_type_is_refused_with_those_that_are_read(tmp_path, refused, part, kind, words):
    (tmp_path / part / "config.json").write_text(json.dumps({"model_type": kind}))
    refused(words)


def test_folders_that_hold_no_model_are_refused(vision, refused):
    (vision / "config.json").write_text('["no config"]')
    refused("is no config of a Hugging Face model")
    (vision / "config.json").unlink()
    refused("there is no Hugging Face model in .*vision: it needs config.json")


def test_weights_are_read_from_pytorch_files_and_damaged_ones_refused(tmp_path, text, vision, refused):
    file = text / "model.safetensors"
    content = file.read_bytes()
    state = load(content)
    file.write_bytes(content[: len(content) // 2])
    refused("the weights in .*text are truncated or damaged")
    file.unlink()
    refused("there are no weights to read in .*text, which needs model.safetensors or pytorch_model.bin")
    torch.save(state, text / "pytorch_model.bin")
    assert convert_huggingface(vision, text, tmp_path / "start").report.loaded


class Harmful:
    """What a file of weights must never be allowed to do."""

    def __reduce__(self):
        return Path.touch, (Path("was-run"),)


def test_code_in_a_folder_is_not_run(tmp_path, monkeypatch, text, vision, refused):
    monkeypatch.chdir(tmp_path)
    config = json.loads((vision / "config.json").read_text())
    own = {"AutoConfig": "own.Own", "AutoModel": "own.Own"}
    (vision / "config.json").write_text(json.dumps({**config, "auto_map": own}))
    (vision / "own.py").write_text("from pathlib import Path\nPath('was-run').touch()\n")
    (text / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": Harmful()}, text / "pytorch_model.bin")
    refused("not tensors alone.*nothing of them was run")
    (text / "pytorch_model.bin").write_bytes(pickle.dumps(Harmful(), protocol=2))
    refused("not tensors alone")
    assert not (tmp_path / "was-run").exists()


def test_a_tokenizer_of_another_model_or_none_is_refused(text, refused):
    tokenizer(64).save_pretrained(text)
    refused("the tokenizer in .*text does not match its weights: it has 64 tokens, the weights 208")
    for file in text.glob("tokenizer*"):
        file.unlink()
    refused("tokenizer", (WeightsError, TextError))


def test_images_that_are_no_squares_are_refused(vision, refused):
    config = json.loads((vision / "config.json").read_text())
    (vision / "config.json").write_text(json.dumps({**config, "image_size": [32, 64]}))
    refused("the image_size of .*vision is .*squares")


def test_a_folder_that_is_there_is_kept(tmp_path, text):
    with pytest.raises(WeightsError, match="is there already"):
        convert_huggingface(None, text, tmp_path)
