"""The main job on a small corpus: the real pipeline, the real registry, and what they leave."""

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from common.source import code_version
from corpus.contract import snapshot_id
from pipelines.local.runner import RunFailed
from promotion.gate.policy import GateSettings
from promotion.registry import by_alias
from serving.parity import ParityError, check_parity

pytestmark = pytest.mark.end_to_end
TRAINING = ("train-baseline", "train-teacher", "distill-student")
UNCACHED = {"find-champion", "register", "nominate"}  # they ask the ledger, or act on MLflow


def client_of(workspace) -> MlflowClient:
    return MlflowClient(workspace.tracking_uri)


def runs_of(workspace, task, name=None):
    client = client_of(workspace)
    experiment = client.get_experiment_by_name(task.task).experiment_id
    found = client.search_runs([experiment], max_results=500)
    return [each for each in found if name is None or each.info.run_name == name]


def test_every_step_ran_and_the_student_is_challenger(first, workspace, lenient):
    assert list(first.result.steps)[-3:] == ["package", "check-parity", "nominate"]
    assert len(first.result.steps) == 19
    assert first.outcome.verdict.passed
    version = by_alias(client_of(workspace), lenient.task, "challenger")
    for key in ("window_start", "window_end", "snapshot", "seed", "code_version", "settings"):
        assert version.tags[key]
    assert version.tags["snapshot"] == snapshot_id(workspace.corpus("simulated"))
    assert version.tags["code_version"] == code_version()
    assert json.loads(version.tags["settings"]) == json.loads(
        json.dumps(lenient.model_dump(mode="json", exclude={"pods"}))
    )
    assert len(version.tags["archive_sha256"]) == 64
    assert first.outcome.version == str(version.version)
    (own,) = runs_of(workspace, lenient, first.request.inputs.run_name)
    nested = client_of(workspace).search_runs(
        [own.info.experiment_id], f"tags.mlflow.parentRunId = '{own.info.run_id}'"
    )
    assert {each.data.tags["network"] for each in nested} == {"baseline", "teacher", "student"}


def test_the_run_is_in_mlflow_from_its_start_to_its_end(first, workspace, lenient):
    (own,) = runs_of(workspace, lenient, first.request.inputs.run_name)
    assert own.info.status == "FINISHED"
    assert (own.info.end_time - own.info.start_time) / 1000 >= first.result.seconds - 1


def test_parity_was_really_measured(first):
    found = json.loads(first.result.outputs["check-parity/parity"].read_text())
    assert found["videos"] >= 10
    assert found["largest_difference"] < 1e-4


@pytest.mark.parametrize("wrong", [0.5, float("nan")])
def test_a_served_student_that_answers_otherwise_than_evaluated_is_refused(first, lenient, tmp_path, wrong):
    rows = pq.read_table(first.result.outputs["validate-data/sound_catalogue"]).to_pandas()
    scores = pq.read_table(first.result.outputs["evaluate/scores"]).to_pandas()
    judged = scores.index[scores.split == "evaluation"][0]
    scores.at[judged, "student"] = np.asarray(scores.student[judged]) * 0 + wrong
    archive = first.result.outputs["package/archive"]
    columns = ["video_id", "title", "overlay_text", "media_uri"]
    with pytest.raises(ParityError, match=f"differs .* on {scores.video_id[judged]}"):
        check_parity(archive, lenient.task, rows[columns], scores, tmp_path / "torchserve")


def test_faults_were_set_aside_and_the_run_went_on(first):
    aside = pq.read_table(first.result.outputs["validate-data/set_aside"])
    assert {"unreadable media", "duplicate media"} <= set(aside["reason"].to_pandas().str.split(":").str[0])


def test_the_report_holds_the_evidence_and_says_simulated(first):
    page = first.outcome.report.read_text()
    for words in ("Simulated data", "Passed", "ROC", "Trust in the teacher", "code version", "<svg"):
        assert words in page
    for of_the_run in (first.request.inputs.run_name, "version 1", 'href="features.html"', 'href="raw_window.html"'):
        assert of_the_run in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_warnings_are_repeated_in_the_report_and_at_the_end_of_the_run(first):
    assert any("media can be opened" in warning for warning in first.warnings)
    assert any("observed before the label" in warning for warning in first.warnings)
    page = first.outcome.report.read_text()
    assert "media can be opened" in page
    assert "observed before the label" in page


def test_no_artifact_of_the_run_can_run_code(first, workspace):
    seen = [path.name for path in workspace.folder.rglob("*") if path.is_file()]
    assert any(name.endswith(".safetensors") for name in seen)
    assert not [name for name in seen if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"))]


def test_the_registered_model_answers_by_mlflow_too(first, workspace, lenient, held_out, monkeypatch):
    # MLflow puts the model's own copy of the rooms before ours, for this process and its children.
    monkeypatch.setattr(sys, "path", [*sys.path])
    mlflow.set_tracking_uri(workspace.tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{lenient.task}/{first.outcome.version}")
    assert set(model.metadata.get_input_schema().input_names()) == {"video", "title", "overlay_text"}
    video_id, row, evaluated = held_out
    frame = pd.DataFrame(
        {"video": [Path(row.media_uri).read_bytes()], "title": [row.title], "overlay_text": [row.overlay_text]}
    )
    scores = json.loads(model.predict(frame).scores[0])
    assert list(scores.values()) == pytest.approx(list(evaluated), abs=1e-4), video_id


def test_videos_to_label_are_drawn_from_those_that_trained_nothing(first, lenient, cpfd, tmp_path):
    done = cpfd("label", lenient.task, "--output", str(tmp_path / "to_label.csv"), "--rows", "10")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "to_label.csv")
    catalogue = pq.read_table(first.result.outputs["validate-data/sound_catalogue"]).to_pandas()
    untouched = catalogue[catalogue.split == "held_out"]  # the student learns from the other unlabelled ones
    assert set(table.video_id) <= set(untouched.video_id)
    assert len(table) == min(10, len(untouched)) > 0
    assert table.weight.sum() == pytest.approx(len(untouched))
    assert table.label.isna().all()
    assert f"{len(table)} of {len(untouched)} videos" in done.stdout


def test_a_repeated_run_takes_all_but_its_records_from_the_cache_and_registers_nothing_twice(
    first, workspace, lenient, again
):
    repeated = again(lenient)
    assert {step for step, seconds in repeated.result.steps.items() if seconds is not None} == UNCACHED
    assert repeated.outcome.version == first.outcome.version
    assert len(client_of(workspace).search_model_versions(f"name = '{lenient.task}'")) == 1
    (own,) = runs_of(workspace, lenient, repeated.request.inputs.run_name)
    assert own.info.status == "FINISHED"
    for page in ("raw_window.html", "features.html", "feature_checks.html"):
        pages = [each.outcome.report.parent / page for each in (first, repeated)]
        assert pages[0].read_text() == pages[1].read_text()


def test_a_failed_gate_promotes_nothing_and_trains_nothing_again(first, workspace, lenient, again):
    strict = lenient.model_copy(update={"gate": GateSettings(least=1)})
    before = by_alias(client_of(workspace), lenient.task, "challenger").version
    repeated = again(strict)
    assert all(repeated.result.steps[step] is None for step in TRAINING)
    assert not repeated.outcome.verdict.passed
    assert repeated.outcome.version is None
    assert "nominate" not in repeated.result.steps
    assert by_alias(client_of(workspace), lenient.task, "challenger").version == before


def test_a_failed_expectation_stops_the_run_with_its_sentence_and_is_in_mlflow(first, workspace, lenient, again):
    limits = lenient.validation.model_copy(update={"least_class_share": 0.9})
    with pytest.raises(RunFailed, match="the step validate-data failed: .*at least 90.0% of the labels are") as caught:
        again(lenient.model_copy(update={"validation": limits}))
    assert "fault of the program" not in str(caught.value)
    newest = max(runs_of(workspace, lenient), key=lambda each: each.info.start_time)
    assert newest.info.status == "FAILED"
    assert "at least 90.0% of the labels" in newest.data.tags["mlflow.note.content"]
