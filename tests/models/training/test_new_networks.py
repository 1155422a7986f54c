"""Networks before their training: who is warned that a CPU and random weights will not do."""

import pytest
import torch

from models.data.text import learn_tokenizer
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.settings import NetworkSettings, TextSettings
from models.training import new_networks
from models.training.new_networks import BASE_SIZE, new_classifier, size_warning, warn_of_size
from models.training.settings import Recipe
from pipelines.task import load_task, task_files

BASE = Recipe(classes=("no", "yes"))


@pytest.fixture
def cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    new_networks._log_once.cache_clear()


def classifier(settings: Recipe) -> XVLMForClassification:
    """Without memory for weights, which nothing here reads."""
    config = XVLMConfig.from_settings(settings, learn_tokenizer(["aa", "aa"], TextSettings(vocabulary=64)))
    with torch.device("meta"):
        return XVLMForClassification(config)


def test_base_sizes_from_random_weights_on_a_cpu_are_warned_of_once(cpu, capsys):
    model = classifier(BASE)
    for _ in range(2):
        warn_of_size(model, BASE)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Warning: a network of 1")
    for words in ("million parameters", "random weights on a CPU", "'profile: laptop'", "network.start"):
        assert words in line


def test_a_start_or_a_gpu_or_a_small_network_is_not_warned_of(cpu, monkeypatch):
    assert size_warning(BASE_SIZE, BASE)
    assert not size_warning(BASE_SIZE - 1, BASE)
    started = BASE.model_copy(update={"network": NetworkSettings(start="somewhere")})
    assert not size_warning(10 * BASE_SIZE, started)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not size_warning(10 * BASE_SIZE, BASE)


@pytest.mark.parametrize("name", task_files())
def test_no_shipped_task_is_warned_of(cpu, capsys, name):
    settings = load_task(name).recipe
    warn_of_size(classifier(settings), settings)
    assert capsys.readouterr().out == ""


def test_making_a_network_warns(cpu, run_data, recipe, monkeypatch, capsys):
    monkeypatch.setattr(new_networks, "BASE_SIZE", 1)
    new_classifier(run_data, recipe, 0)
    assert "Warning: a network of" in capsys.readouterr().out
