"""The model card: filled from a run, and never without what a reader must know."""

import json

import pyarrow.parquet as pq
import pytest
import yaml

from models.evaluation.reference import reference
from promotion.gate.verdict import Verdict
from reports.card import CardError, model_card

VERDICT = Verdict(outcome="passed", reason="the student is better")


@pytest.mark.parametrize("task", ["low_quality", "topic"])
def test_the_card_says_what_the_model_is_for_and_how_well_it_does(read, task):
    of = read("cpfd", task)
    card = model_card(dict(of.facts), of.settings, of.evaluation, VERDICT)
    front = yaml.safe_load(card.split("---")[1])
    assert front["tags"] == ["cpfd", task]
    assert of.settings["description"] in card
    for name, found in of.evaluation.models.items():
        (line,) = (line for line in card.splitlines() if line.startswith(f"| {name} |"))
        assert f" {found.judged:.4f} " in line
    assert json.loads(card.split("```json")[1].split("```")[0]) == json.loads(json.dumps(of.settings))
    assert ("Trained on simulated videos" in card) == of.facts["corpus"]["simulated"]


@pytest.mark.parametrize("lacking", ["description", "snapshot"])
def test_a_card_without_what_it_must_have_is_refused(read, lacking):
    of = read("cpfd")
    facts, settings = dict(of.facts), dict(of.settings)
    (settings if lacking in settings else facts)[lacking] = " "
    with pytest.raises(CardError, match=f"the model card lacks {lacking}: the task file"):
        model_card(facts, settings, of.evaluation, VERDICT)


def test_the_reference_is_of_the_evaluation_rows_alone(read, tmp_path):
    of = read("cpfd")
    table = pq.read_table(tmp_path / "scores").to_pandas().assign(**{"slice: script": "latin"})
    found = reference(table, of.evaluation)
    assert found.rows == (table.split == "evaluation").sum() < len(table)
    for label, deciles in found.score_deciles.items():
        assert list(deciles) == sorted(deciles)
        assert 0 <= deciles[0] <= deciles[-1] <= 1
        assert found.decided[label] == pytest.approx(of.evaluation.models["student"].predicted[label])
    assert set(found.inputs) == {"script"}, "no third of whatever rows there are"
    assert sum(found.inputs["script"].values()) == pytest.approx(1)
