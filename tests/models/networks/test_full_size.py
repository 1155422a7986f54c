"""The official configs at full size: what is built and what it costs."""

import json
from pathlib import Path

import pytest
import torch

from models.data.text import learn_tokenizer
from models.evaluation.cost import forward_flops, network_cost, parameters
from models.networks.xvlm import XVLM, XVLMConfig, XVLMForClassification
from models.settings import ClipSettings, NetworkSettings
from models.starts.official import official_config
from models.training.new_networks import new_classifier
from models.training.settings import Recipe

SWIN = {
    "vision_width": 1024, "image_res": 224, "window_size": 7, "embed_dim": 128,
    "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32],
}  # fmt: skip
CLIP = {
    "vision_width": 768, "image_res": 224, "patch_size": 16, "num_attention_heads": 12, "num_hidden_layers": 12,
    "hidden_act": "quick_gelu", "local_attn_depth": 4,
}  # fmt: skip
BERT = {
    "model_type": "bert", "vocab_size": 30_522, "hidden_size": 768, "num_attention_heads": 12,
    "num_hidden_layers": 12, "intermediate_size": 3_072, "max_position_embeddings": 512, "type_vocab_size": 2,
    "layer_norm_eps": 1e-12, "pad_token_id": 0, "hidden_act": "gelu", "fusion_layer": 6, "encoder_width": 1024,
}  # fmt: skip


def build(vision: dict, text: dict = BERT) -> XVLM:
    """Without memory for weights, which nothing here reads."""
    with torch.device("meta"):
        return XVLM(official_config(vision, text)).eval()


def million(model: torch.nn.Module) -> float:
    return round(parameters(model) / 1e6, 2)


def test_swin_base_has_the_official_number_of_parameters():
    model = build(SWIN)
    assert million(model.vision) == 86.74
    assert million(model.encoder.text_layers) == 42.53
    assert million(model.encoder.cross_layers) == 59.07


@pytest.mark.parametrize("vision", [SWIN, CLIP], ids=["swin", "clip"])
def test_a_full_size_pass_is_counted(vision, capsys):
    model = build(vision)
    frames = torch.empty(1, 1, 224, 224, 3, dtype=torch.uint8, device="meta")
    ids = torch.empty(1, 40, dtype=torch.long, device="meta")
    model.inputs = ("input_ids", "attention_mask", "frames")
    flops = forward_flops(model, {"input_ids": ids, "attention_mask": ids, "frames": frames})
    with capsys.disabled():
        print(f"\n{million(model)} M parameters, {flops / 1e9:.1f} GFLOPs for one frame and 40 tokens")
    tower = {"swin": 2 * 15.4e9, "clip": 2 * 17.6e9}["swin" if "window_size" in vision else "clip"]
    assert tower * 0.95 < flops < tower * 1.4  # the tower's known cost, and twelve layers over 40 tokens


def test_clip_has_its_towers_parameters():
    assert million(build(CLIP).vision) == pytest.approx(85.80, abs=0.05)


def test_the_defaults_of_the_settings_are_x_vlm_base():
    tokenizer = learn_tokenizer(["aa", "aa"], _text())
    config = XVLMConfig.from_settings(Recipe(classes=("no", "yes")), tokenizer)
    with torch.device("meta"):
        model = XVLM(config)
    assert million(model.vision) == 86.74
    assert million(model.encoder.cross_layers) == 59.07


def _text():
    from models.settings import TextSettings

    return TextSettings(vocabulary=64)


@pytest.mark.parametrize("network", [
    {"vision": "clip", "vision_depths": (2,), "vision_heads": (2,), "vision_width": 32, "patch_size": 8},
    {"vision": "vit", "vision_depths": (2,), "vision_heads": (2,), "vision_width": 32, "patch_size": 8},
    {"vision": "deit", "vision_depths": (1,), "vision_heads": (2,), "vision_width": 32, "patch_size": 8},
    {"text": "roberta", "vision_depths": (1, 1), "vision_heads": (2, 4), "vision_width": 16, "window_size": 2},
])  # fmt: skip
def test_the_other_towers_and_encoder_read_both_ways_and_no_padding(run_data, recipe, network):
    sizes = {"text_width": 32, "text_heads": 4, "text_layers": 1, "cross_layers": 1, **network}
    settings = recipe.model_copy(
        update={"network": NetworkSettings(**sizes, wide=None), "clips": ClipSettings(frames=2, image_size=32)}
    )
    model = new_classifier(run_data, settings, 0).eval()
    batch = run_data.videos.batch(torch.arange(3))
    ids, mask, frames = batch["input_ids"], batch["attention_mask"], batch["frames"]
    answer = model(ids, mask, frames)
    pad = run_data.tokenizer.pad_token_id
    wider = torch.nn.functional.pad(ids, (0, 1), value=pad), torch.nn.functional.pad(mask, (0, 1))
    if wider[0].shape[1] <= settings.text.title_tokens + settings.text.overlay_tokens + 3:
        torch.testing.assert_close(answer, model(*wider, frames), atol=1e-5, rtol=0)
    last = mask.sum(1) - 1
    changed = ids.clone()
    changed[torch.arange(3), last] = 7
    assert (model(changed, mask, frames) - answer).abs().min() > 0  # the first token sees the last
    assert (model(ids, mask, 255 - frames) - answer).abs().max() > 0
    again = XVLMForClassification.from_pretrained(_saved(model))
    torch.testing.assert_close(again.eval()(ids, mask, frames), answer)


def _saved(model: XVLMForClassification) -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    model.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "cpfd-xvlm"
    return folder


def test_cost_is_per_video(run_data, recipe):
    model = new_classifier(run_data, recipe, 0)
    few, more = (network_cost(model, run_data.videos.batch(torch.arange(n))) for n in (4, 16))
    assert few.parameters == more.parameters == parameters(model)
    assert few.flops == pytest.approx(more.flops, rel=0.05)
    assert more.milliseconds > 0
