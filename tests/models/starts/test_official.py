"""Official weights: the same function, nothing skipped in silence, nothing run."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.data.text import learn_tokenizer
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.settings import TextSettings
from models.starts.official import convert_official, official_config, our_names
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import WeightsError, open_start, read_official, start_from

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "xvlm_tiny"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    if not GOLDEN.is_dir():
        pytest.skip(f"there is no numeric reference at {GOLDEN}")
    return load_file(GOLDEN / "expected.safetensors")


@pytest.fixture(scope="module")
def official(golden) -> tuple[XVLMConfig, dict[str, torch.Tensor], list[str]]:
    vision, text = (json.loads((GOLDEN / f"{name}_config.json").read_text()) for name in ("vision", "text"))
    config = official_config(vision, text, projection=32)
    state, dropped = our_names(read_official(GOLDEN / "checkpoint.pth"), config.fusion_layer)
    return config, state, dropped


@pytest.fixture(scope="module")
def pretraining(official) -> XVLMForPretraining:
    config, state, _ = official
    model = XVLMForPretraining(config)
    report = start_from(model, state)
    assert set(report.unexpected) == {f"head.{layer}.{part}" for layer in (0, 1, 3) for part in ("weight", "bias")}
    assert all(name.startswith(("masked_language.", "continuation", "xvlm.frame_position")) for name in report.missing)
    return model.eval()


@torch.no_grad()
def test_the_official_weights_compute_the_official_function(golden, official, pretraining):
    config, state, _ = official
    visual = pretraining.xvlm.vision.tokens(golden["image"])
    ids, mask = golden["text_ids"], golden["text_atts"]
    states = pretraining.xvlm.encoder.text_states(ids, mask)
    joint = pretraining.xvlm.encoder.joint_states(states, mask, visual)
    video, text = pretraining.features(visual, states)
    classifier = XVLMForClassification(
        XVLMConfig(
            vision=config.vision, text=config.text, fusion_layer=config.fusion_layer, clips=config.clips, num_labels=3
        )
    ).eval()
    start_from(classifier, state)
    clip = pretraining.xvlm.encoder.joint_states(states[:1], mask[:1], visual.flatten(0, 1)[None])
    valid = mask.bool()
    for name, ours, theirs in (
        ("vision_embeds", visual, golden["vision_embeds"]),
        ("text_embeds", states[valid], golden["text_embeds"][valid]),
        ("cross_embeds", joint[valid], golden["cross_embeds"][valid]),
        ("image_feat", video, golden["image_feat"]),
        ("text_feat", text, golden["text_feat"]),
        ("itm_logits", pretraining.matching_head(joint[:, 0]), golden["itm_logits"]),
        ("cls_logits", classifier.head(joint[:, 0]), golden["cls_logits"]),
        ("clip_cross_embeds", clip[:, valid[0]], golden["clip_cross_embeds"][:, valid[0]]),
    ):
        assert (ours - theirs).abs().max() < TOLERANCE, name


def test_every_official_tensor_is_used_or_said_to_be_dropped(official, pretraining):
    _, state, dropped = official
    given = read_official(GOLDEN / "checkpoint.pth")
    split_in_three = sum(".attn.qkv." in name for name in given)
    assert len(state) + len(dropped) - 2 * split_in_three == len(given)
    own = set(pretraining.state_dict()) | {name for name in state if name.startswith("head.")}
    assert set(state) <= own
    assert all(name.endswith(("relative_position_index", "attn_mask", "position_ids")) for name in dropped)


class Harmful:
    """What a file of weights must never be allowed to do."""

    def __reduce__(self):
        return Path.touch, (Path("was-run"),)


def test_weights_with_code_are_refused_before_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"model": Harmful()}))
    torch.save({"model": Harmful()}, tmp_path / "worse.pth")
    for name in ("bad.pth", "worse.pth"):
        with pytest.raises(WeightsError, match="refused"):
            read_official(tmp_path / name)
    assert not (tmp_path / "was-run").exists()


def test_files_that_are_no_x_vlm_are_told_apart(tmp_path):
    torch.save({"model": {"text_encoder.x": torch.zeros(1_000)}}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(content[: len(content) // 2])
    torch.save({"resnet.conv1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("# no weights")
    for name, words in (
        ("text.pth", "refused"),
        ("cut.pth", "truncated"),
        ("other.pth", "another model.*resnet"),
        ("list.pth", "another model"),
        ("none.pth", "no official weights at"),
    ):
        with pytest.raises(WeightsError, match=words):
            read_official(tmp_path / name)


def test_converted_official_weights_are_a_start(official, tmp_path):
    words = [first + second for first in "abcdefghijklmnop" for second in "abcdefghijklm"]
    tokenizer = learn_tokenizer(words * 2, TextSettings(vocabulary=200))
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    assert len(tokenizer) == 200
    parts = GOLDEN / "checkpoint.pth", GOLDEN / "vision_config.json", GOLDEN / "text_config.json"
    convert_official(*parts, str(tmp_path / "tokenizer"), tmp_path / "start")
    config, state = open_start(tmp_path / "start")
    assert config.vision["embed_dim"] == 16
    original = official[1]["xvlm.encoder.cross_layers.1.crossattention.self.key.weight"]
    assert torch.equal(state["xvlm.encoder.cross_layers.1.crossattention.self.key.weight"], original)
    with pytest.raises(WeightsError, match="is there already"):
        convert_official(*parts, str(tmp_path / "tokenizer"), tmp_path / "start")
    other = learn_tokenizer(words * 2, TextSettings(vocabulary=150))
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(WeightsError, match="tokenizer .* does not match .* 150 tokens, the weights 200"):
        convert_official(*parts, str(tmp_path / "other"), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_an_official_clip_tower_is_read_whole():
    vision = {
        "vision_width": 32, "image_res": 32, "patch_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2,
        "hidden_act": "quick_gelu", "local_attn_depth": 1,
    }  # fmt: skip
    text = {
        "model_type": "roberta", "vocab_size": 50, "hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 4,
        "intermediate_size": 48, "max_position_embeddings": 40, "type_vocab_size": 1, "pad_token_id": 1,
        "fusion_layer": 2, "encoder_width": 32,
    }  # fmt: skip
    config = official_config(vision, text)
    model = XVLMForPretraining(config)
    official = {}
    for name, values in model.state_dict().items():
        name = name.replace("xvlm.vision.embeddings.patch_embedding.", "vision_encoder.patch_embed.")
        name = name.replace("xvlm.vision.embeddings.position_embedding.", "vision_encoder.pos_embed.")
        name = name.replace("xvlm.vision.embeddings.class_embedding", "vision_encoder.class_embedding")
        name = name.replace("xvlm.vision.", "vision_encoder.")
        name = name.replace("xvlm.encoder.embeddings.", "text_encoder.roberta.embeddings.")
        name = name.replace("xvlm.encoder.text_layers.", "text_encoder.roberta.encoder.layer.")
        for index in (0, 1):
            name = name.replace(
                f"xvlm.encoder.cross_layers.{index}.", f"text_encoder.roberta.encoder.layer.{index + 2}."
            )
        name = name.replace("masked_language.norm", "text_encoder.lm_head.layer_norm")
        name = name.replace("masked_language.", "text_encoder.lm_head.")
        name = name.replace("matching_head.", "itm_head.").replace("temperature", "temp")
        if name not in ("continuation", "xvlm.frame_position"):
            official[name] = values + 1
    state, dropped = our_names(official, config.fusion_layer)
    report = start_from(XVLMForPretraining(config), state)
    assert set(report.missing) == {"continuation", "xvlm.frame_position"}
    assert (report.unexpected, dropped) == ((), [])
