"""The two networks: what they read, what they ignore, and that they come back from disk as they were."""

import numpy as np
import pytest
import torch

from models.data.text import learn_tokenizer
from models.networks.dfxvlm import BINS, DenseScaler, DFXVLMConfig, DFXVLMForClassification
from models.networks.vision import normalised
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.settings import TextSettings
from models.training.settings import Recipe

WORDS = [first + second for first in "abcdefghij" for second in "abcdefghij"]
TOKENIZER = learn_tokenizer(WORDS * 2, TextSettings(vocabulary=100))


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "frames": torch.randint(0, 256, (3, 2, 32, 32, 3), generator=generator, dtype=torch.uint8),
        "input_ids": torch.randint(5, 90, (3, 9), generator=generator),
        "attention_mask": torch.ones(3, 9, dtype=torch.long),
    }


def student(settings: Recipe, seed: int = 0) -> XVLMForClassification:
    torch.manual_seed(seed)
    return XVLMForClassification(XVLMConfig.from_settings(settings, TOKENIZER)).eval()


def test_padding_does_not_change_the_answer(recipe, inputs):
    model = student(recipe)
    padded = {
        **inputs,
        "input_ids": torch.nn.functional.pad(inputs["input_ids"], (0, 4), value=7),
        "attention_mask": torch.nn.functional.pad(inputs["attention_mask"], (0, 4)),
    }
    torch.testing.assert_close(model(**inputs), model(**padded), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("width", "official"), [(32, False), (64, False), (768, True)])
def test_at_any_width_the_first_token_hears_the_others_from_the_start(recipe, width, official):
    network = recipe.network.model_copy(update={"text_width": width, "text_heads": 4})
    model = student(recipe.model_copy(update={"network": network, "modalities": ("title",)}))
    texts = torch.randint(5, 90, (64, 9), generator=torch.Generator().manual_seed(0))
    texts[:, 0] = 1  # as every text begins
    with torch.no_grad():
        joint = model.xvlm(texts, torch.ones_like(texts))
    # What differs from text to text, of all that there is: .08 in the official network; .006 at width 64 and 0.02.
    assert joint.std(0).mean() > 0.05 * joint.std()
    weights = next(each for name, each in model.xvlm.encoder.named_parameters() if name.endswith("query.weight"))
    assert (weights.std().item() == pytest.approx(0.02, rel=0.05)) == official


def test_text_attention_is_not_causal(recipe, inputs):
    model = student(recipe)
    changed = {**inputs, "input_ids": inputs["input_ids"].clone()}
    changed["input_ids"][:, -1] = 3
    assert (model(**inputs) - model(**changed)).abs().min() > 0  # the first token sees the last one


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
@pytest.mark.parametrize("modalities", [("frames", "title"), ("title",)])
def test_the_last_layer_makes_of_the_first_token_what_it_makes_of_it_among_all(recipe, inputs, encoder, modalities):
    network = recipe.network.model_copy(update={"text": encoder, "cross_layers": 2})
    model = student(recipe.model_copy(update={"network": network, "modalities": modalities})).double()
    inputs["attention_mask"][0, 5:] = 0
    visual = model.xvlm.visual_tokens(inputs["frames"]) if "frames" in modalities else None
    states = model.xvlm.encoder.text_states(inputs["input_ids"], inputs["attention_mask"])
    given = (states, inputs["attention_mask"], visual)
    alone = model.xvlm.encoder.joint_vector(*given)
    torch.testing.assert_close(alone, model.xvlm.encoder.joint_states(*given)[:, 0], atol=1e-12, rtol=0)


def test_the_order_of_frames_matters_once_positions_are_learned(recipe, inputs):
    model = student(recipe)
    flipped = {**inputs, "frames": inputs["frames"].flip(1)}
    torch.testing.assert_close(model(**inputs), model(**flipped), atol=1e-5, rtol=0)
    torch.nn.init.normal_(model.xvlm.frame_position, std=30)
    assert (model(**inputs) - model(**flipped)).abs().max() > 1e-4


def test_visual_tokens_are_mean_then_patches_frame_by_frame(recipe, inputs):
    model = student(recipe)
    tokens = model.xvlm.visual_tokens(inputs["frames"])
    per_frame = tokens.shape[1] // 2
    torch.testing.assert_close(tokens[:, 0], tokens[:, 1:per_frame].mean(1), atol=1e-5, rtol=0)


def test_frames_are_normalised_by_the_towers_own_statistics_and_by_clips_where_it_names_none():
    pixels = torch.rand(2, 3, 4, 4) * 255
    for arguments, mean, std in (
        ({"tower": "swin"}, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
        ({"pixel_mean": [0.5, 0.4, 0.3], "pixel_std": [0.2, 0.3, 0.4]}, [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
    ):
        expected = (pixels / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        torch.testing.assert_close(normalised(pixels.clone(), arguments), expected)


def test_a_network_comes_back_from_disk_as_it_was(recipe, inputs, tmp_path):
    model = student(recipe)
    model.save_pretrained(tmp_path)
    again = XVLMForClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(model(**inputs), again(**inputs))
    assert again.config.classes == list(recipe.classes)
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".safetensors")]


def test_start_weights_depend_on_the_seed_alone(recipe):
    first, same, other = (student(recipe, seed) for seed in (0, 0, 1))
    pairs = zip(first.parameters(), same.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first.head[0].weight, other.head[0].weight)


def test_the_teacher_reads_dense_features_and_keeps_its_scaler(recipe, inputs, tmp_path, rng):
    torch.manual_seed(0)
    config = DFXVLMConfig.from_settings(recipe, TOKENIZER, dense_features=["a", "b"], dense_widths=[8])
    teacher = DFXVLMForClassification(config).eval()
    teacher.scaler.fit(rng.normal(100, 20, (50, 2)))
    teacher.save_pretrained(tmp_path)
    again = DFXVLMForClassification.from_pretrained(tmp_path).eval()
    dense = torch.tensor([[100.0, 80.0], [torch.nan, torch.inf], [1e30, -1e30]])
    assert torch.equal(teacher(**inputs, dense=dense), again(**inputs, dense=dense))
    assert torch.isfinite(again(**inputs, dense=dense)).all()
    assert not torch.equal(teacher(**inputs, dense=dense), teacher(**inputs, dense=dense + 5))


@pytest.mark.parametrize("reads_raw", [True, False])
def test_the_teachers_parts_are_its_forward_pass_with_the_same_draws_of_dropout(recipe, inputs, reads_raw):
    torch.manual_seed(0)
    config = DFXVLMConfig.from_settings(
        recipe, TOKENIZER, dense_features=["a", "b"], dense_widths=[8], dense_absence=0.5, reads_raw=reads_raw
    )
    teacher = DFXVLMForClassification(config).eval()
    dense = torch.tensor([[1.0, -2.0], [torch.nan, 0.5], [3.0, 3.0]])
    split = teacher.classify(teacher.raw_states(**inputs), teacher.dense_states(dense))
    assert torch.equal(teacher(**inputs, dense=dense), split)
    parts = {name.split(".")[0] for name in teacher.state_dict()}
    assert parts == {"scaler", "dense_branch", "head", *(["xvlm"] if reads_raw else [])}
    teacher.train()
    torch.manual_seed(1)
    drawn = teacher(**inputs, dense=dense)
    torch.manual_seed(1)
    hidden = dense.masked_fill(torch.rand(3, 1) < 0.5, torch.nan)
    branches = [teacher.dense_branch(teacher.scaler(hidden))]
    if reads_raw:
        branches.insert(0, teacher.xvlm(**inputs))
    assert torch.equal(drawn, teacher.head(torch.cat(branches, dim=1)))
    assert not torch.equal(drawn, split)


def test_scaler_standardises_and_marks_what_is_missing(rng):
    values = np.stack([rng.normal(50, 10, 500), np.full(500, np.nan), np.full(500, 3.0)], axis=1)
    values[0, 0], values[1, 0] = np.nan, np.inf
    scaler = DenseScaler(3)
    scaler.fit(values)
    out = scaler(torch.from_numpy(values.astype(np.float32)))
    assert torch.isfinite(out).all()
    assert out[:2, 3].tolist() == [1, 1]
    codes = out[:, 6 : 6 + BINS]  # of the first feature: an eighth of the rows lies in each bin
    assert codes[:2].sum() == 0
    assert codes[2:].sum(1).round().long().bincount(minlength=BINS + 1)[1:-1].min() > 500 / BINS / 2
    assert out[:, 6 + 2 * BINS :].sum() == 0  # a value that never moves says nothing
    assert out[:, 4].sum() == 500
    assert abs(float(out[2:, 0].median())) < 0.1
