"""The one number that makes a network's scores mean what they say, and that it goes where the weights go."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from common.artifacts import TUNING
from models.networks.xvlm import XVLMForClassification
from models.training.new_networks import save_network
from models.training.prediction import predict_logits
from models.training.students import train_baseline


def test_a_trained_network_has_the_temperature_that_suits_its_tuning_rows(run_data, recipe, tmp_path):
    model, history = train_baseline(run_data, recipe, 0)
    fitted = model.config.logit_temperature
    assert fitted != 1
    tuning = run_data.rows(TUNING)

    def loss(temperature: float) -> float:
        model.config.logit_temperature = temperature
        return float(cross_entropy(torch.from_numpy(predict_logits(model, tuning, 32)), tuning.labels))

    least = loss(fitted)
    assert least <= min(loss(fitted * 1.1), loss(fitted / 1.1), loss(1.0))
    model.config.logit_temperature = fitted
    save_network(model, run_data.tokenizer, history, tmp_path / "baseline")
    served = XVLMForClassification.from_pretrained(tmp_path / "baseline")
    assert served.config.logit_temperature == fitted
    assert predict_logits(served, tuning, 32) == pytest.approx(predict_logits(model, tuning, 32))
