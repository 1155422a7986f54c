"""Trainings from Hugging Face models: baselines learn, and new cross-attention faster than the rest."""

import pytest
import torch
from published_models import publish

from models.data.run_data import open_run
from models.data.text import TextError
from models.jobs.training import Training
from models.networks.xvlm import XVLMForClassification
from models.settings import NetworkSettings
from models.starts.huggingface import convert_huggingface
from models.starts.weights import open_start
from models.training.new_networks import new_classifier
from models.training.objective import parameter_groups

PAIRS = [
    ("ViTModel", "BertModel"),
    ("DeiTForImageClassificationWithTeacher", "RobertaForMaskedLM"),
    ("SwinModel", "BertModel"),
    ("CLIPModel", "DistilBertForMaskedLM"),
    (None, "XLMRobertaModel"),
]


@pytest.fixture
def settings(recipe, tmp_path):
    """The recipe that starts from these two models."""

    def of(vision: str | None, text: str):
        folder = None if vision is None else publish(vision, tmp_path / vision)
        convert_huggingface(folder, publish(text, tmp_path / text), tmp_path / "start")
        modalities = ("title", "overlay_text") if vision is None else recipe.modalities
        training = recipe.training.model_copy(update={"epochs": 1, "patience": None})
        network = NetworkSettings(start=str(tmp_path / "start"))
        return recipe.model_copy(update={"network": network, "modalities": modalities, "training": training})

    return of


@pytest.mark.parametrize(("vision", "text"), PAIRS)
def test_a_baseline_is_trained_from_two_models_and_comes_back_from_disk(artifacts, settings, tmp_path, vision, text):
    recipe = settings(vision, text)
    job = Training(
        kind="baseline", catalogue=artifacts / "catalogue.parquet", clips=artifacts / "clips.arrow", recipe=recipe,
        seed=0, output=tmp_path / "baseline",
    )  # fmt: skip
    job.run()
    data = open_run(job.catalogue, job.clips, recipe)
    before, after = new_classifier(data, recipe, 0), XVLMForClassification.from_pretrained(job.output)
    changed = [
        name for name, values in after.state_dict().items() if not torch.equal(values, before.state_dict()[name])
    ]
    assert {name.split(".")[0] for name in changed} == {"xvlm", "head", "wide"}
    assert len(changed) > 0.9 * len(after.state_dict())
    assert bool(after.config.vision) == (vision is not None)
    assert torch.isfinite(after.head[0].weight).all()


def test_what_no_training_has_seen_learns_at_the_higher_rate_until_pre_training_has(artifacts, settings, tmp_path):
    recipe = settings("ViTModel", "BertModel")
    files = {"catalogue": artifacts / "catalogue.parquet", "clips": artifacts / "clips.arrow"}
    data = open_run(*files.values(), recipe)
    assert _faster(data, recipe) == {"crossattention", "head"}
    Training(kind="pretraining", **files, recipe=recipe, seed=0, output=tmp_path / "further").run()
    config, _ = open_start(tmp_path / "further")
    assert (config.untrained, config.vision["tower"]) == ([], "vit")
    further = recipe.model_copy(update={"network": NetworkSettings(start=str(tmp_path / "further"))})
    assert _faster(data, further) == {"head"}


def _faster(data, recipe) -> set[str]:
    """The parts that learn at a higher rate than the others."""
    model = new_classifier(data, recipe, 0)
    groups = parameter_groups(model, recipe.training)
    usual = min(group["lr"] for group in groups)
    fast = {id(weight) for group in groups if group["lr"] > usual for weight in group["params"]}
    names = {name for name, weight in model.named_parameters() if id(weight) in fast}
    return {"crossattention" if "crossattention" in name else name.split(".")[0] for name in names}


def test_a_task_with_frames_is_refused_on_a_start_of_texts_alone(run_data, recipe, settings):
    started = settings(None, "BertModel").model_copy(update={"modalities": recipe.modalities})
    with pytest.raises(TextError, match="trained without frames"):
        new_classifier(run_data, started, 0)
