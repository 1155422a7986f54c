"""The wide path is fitted as a logistic regression, and what the network learns from is out of fold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from models.distillation.losses import distillation_loss, supervised_loss
from models.networks.calibration import calibrate
from models.networks.wide import inverse_frequency, weighted_counts
from models.starts.wide import fit_linear, fit_wide_path
from models.training.new_networks import new_classifier, with_wide_path
from models.training.prediction import predict_logits


def by_labels(logits, batch):
    return supervised_loss(logits, batch["labels"])


@pytest.fixture
def train(run_data):
    return run_data.rows("train")


def test_it_is_the_logistic_regression_of_scikit_learn(train, recipe):
    inputs = weighted_counts(train.ngrams, inverse_frequency(train.ngrams))
    weight, bias = fit_linear(inputs, train.targets(), by_labels, 2, 1, 1.0)
    reference = LogisticRegression(C=2.0, tol=1e-8, max_iter=2_000)
    # Two softmax columns of half a weight each are penalised half as much as one column of the whole.
    reference.fit(inputs, train.labels)
    own = inputs @ (weight[:, 1] - weight[:, 0]) + bias[1] - bias[0]
    np.testing.assert_allclose(own, reference.decision_function(inputs), atol=0.02)


def test_what_one_text_alone_has_gets_no_weight(train, recipe):
    inputs = weighted_counts(train.ngrams, inverse_frequency(train.ngrams))
    texts = np.bincount(inputs.indices, minlength=inputs.shape[1])
    assert (texts == 1).any()
    weight, _ = fit_linear(inputs, train.targets(), by_labels, 2, 2, 1.0)
    assert not weight[texts < 2].any()
    assert weight[texts > 1].any(1).mean() > 0.9


def test_the_penalty_is_the_one_that_suits_other_rows_best(train, recipe, run_data):
    model = new_classifier(run_data, recipe, 0)
    tried, misfits = [], iter((2.0, 0.0, 1.0))

    def misfit(path):
        tried.append(path.weight.norm().item())
        return next(misfits)

    settings = recipe.wide.model_copy(update={"inverse_penalties": (0.25, 1.0, 4.0)})
    fit_wide_path(model.wide, train, by_labels, settings, misfit)
    assert tried == sorted(tried)  # a higher C lets weights grow
    assert model.wide.weight.norm().item() == tried[1]
    alone = settings.model_copy(update={"inverse_penalties": (1.0,)})
    other = new_classifier(run_data, recipe, 0)
    fit_wide_path(other.wide, train, by_labels, alone, lambda _: 0.0)
    assert torch.equal(other.wide.weight, model.wide.weight)


def test_each_training_takes_the_penalty_that_its_tuning_rows_like(train, recipe, run_data):
    tuning = run_data.rows("tuning")
    losses = []
    for inverse_penalty in recipe.wide.inverse_penalties:
        wide = recipe.network.wide.model_copy(update={"inverse_penalties": (inverse_penalty,)})
        own = recipe.model_copy(update={"network": recipe.network.model_copy(update={"wide": wide})})
        _, found = with_wide_path(new_classifier(run_data, own, 0), own, by_labels, train, tuning)
        losses.append(calibrate(found.extras["wide_logits"].numpy(), tuning.labels.numpy()).loss)
    _, found = with_wide_path(new_classifier(run_data, recipe, 0), recipe, by_labels, train, tuning)
    assert calibrate(found.extras["wide_logits"].numpy(), tuning.labels.numpy()).loss == min(losses)
    assert min(losses) < max(losses)


def test_soft_targets_without_labels_are_enough(train, recipe):
    inputs = weighted_counts(train.ngrams, inverse_frequency(train.ngrams))
    logits = torch.randn(len(train), 2, generator=torch.Generator().manual_seed(0))
    batch = {
        "labels": torch.full((len(train),), -1),
        "teacher_logits": logits,
        "alpha": torch.ones(len(train)),
    }
    weight, bias = fit_linear(inputs, batch, distillation_loss, 2, 2, 1e4)
    found = inputs @ weight + bias
    distinct = np.unique(inputs.toarray(), axis=0, return_index=True)[1]
    agrees = np.corrcoef((found[:, 1] - found[:, 0])[distinct], (logits[:, 1] - logits[:, 0]).numpy()[distinct])
    assert agrees[0, 1] > 0.9


def test_no_row_has_a_part_in_what_the_network_starts_from_on_it(train, recipe, run_data):
    model = new_classifier(run_data, recipe, 0)
    one = recipe.wide.model_copy(update={"inverse_penalties": (1.0,)})
    before = fit_wide_path(model.wide, train, by_labels, one, lambda _: 0.0)
    whole = model.wide.logits(train.ngrams)
    labels = train.labels.clone()
    labels[0] = 1 - labels[0]
    after = fit_wide_path(model.wide, replace(train, labels=labels), by_labels, one, lambda _: 0.0)
    torch.testing.assert_close(before[0], after[0])
    assert (model.wide.logits(train.ngrams)[0] - whole[0]).abs().max() > 1e-3
    assert not torch.allclose(before[1:], after[1:])


def test_a_network_begins_as_its_wide_path(train, recipe, run_data):
    model = new_classifier(run_data, recipe, 0)
    rows, tuning = with_wide_path(model, recipe, by_labels, train, run_data.rows("tuning"))
    assert rows.ngrams is None
    first = predict_logits(model, tuning, 16)
    np.testing.assert_allclose(first, model.wide.logits(run_data.rows("tuning").ngrams), atol=1e-5)
    np.testing.assert_allclose(predict_logits(model, run_data.rows("tuning"), 16), first, atol=1e-5)


def test_without_a_wide_path_it_is_the_papers_network(train, recipe, run_data):
    plain = recipe.model_copy(update={"network": recipe.network.model_copy(update={"wide": None})})
    model = new_classifier(run_data, plain, 0)
    head = {name: values.clone() for name, values in model.state_dict().items()}
    rows, _ = with_wide_path(model, plain, by_labels, train, run_data.rows("tuning"))
    assert rows.ngrams is None
    assert "wide_logits" not in rows.extras
    assert not [name for name in head if name.startswith("wide")]
    assert all(torch.equal(values, head[name]) for name, values in model.state_dict().items())
