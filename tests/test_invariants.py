"""One test for each invariant of the design; each fails when its invariant is broken."""

import zipfile

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from corpus.simulation.declarations import DENSE
from feature_repo.views import feature_views
from models.data.dense import dense_matrix
from models.distillation.soft_targets import SoftTargets
from models.evaluation import scoring
from models.evaluation.judging import evaluate
from models.training import teachers as teacher_training
from models.training.new_networks import new_classifier, save_network
from models.training.prediction import predict_logits
from pipelines.graphs.compile import compile_task
from pipelines.task import load_task, task_files
from promotion.student_package import signature
from serving.archive import build_archive
from serving.predictor import Predictor

PRIVILEGED_NAMES = {name for table in DENSE.values() for name in table.features}


def artifact_edges(spec: dict, dag: dict) -> set[tuple[str, str, str]]:
    """(producer, artifact, consumer) of a graph; what nested graphs are given goes to their steps that read it."""
    edges = set()
    for name, step in dag["tasks"].items():
        nested = spec["components"][step["componentRef"]["name"]].get("dag")
        for key, given in step.get("inputs", {}).get("artifacts", {}).items():
            if "taskOutputArtifact" in given:
                source = given["taskOutputArtifact"]
                readers = _readers(spec, nested, key) if nested else {name}
                edges |= {(source["producerTask"], source["outputArtifactKey"], reader) for reader in readers}
        if nested:
            edges |= artifact_edges(spec, nested)
    return edges


def _readers(spec: dict, dag: dict, key: str) -> set[str]:
    """The steps of a nested graph that read what comes in as ``key``."""
    found = set()
    for name, step in dag["tasks"].items():
        nested = spec["components"][step["componentRef"]["name"]].get("dag")
        for inner, given in step.get("inputs", {}).get("artifacts", {}).items():
            if given.get("componentInputArtifact") == key:
                found |= _readers(spec, nested, inner) if nested else {name}
    return found


# 1. Privileged stays privileged.


@pytest.mark.parametrize("name", list(task_files()))
def test_1_no_path_leads_from_the_privileged_artifact_to_the_student_registry_or_archive(name, tmp_path):
    spec = next(yaml.safe_load_all(compile_task(load_task(name), tmp_path / "p.yaml").read_text()))
    edges = artifact_edges(spec, spec["root"]["dag"])
    readers = {(key, reader) for maker, key, reader in edges if maker == "retrieve-features"}
    assert {reader for key, reader in readers if key == "privileged"} == {
        "validate-features", "train-teacher", "score-teacher", "score-peers"
    }  # fmt: skip
    assert {reader for key, reader in readers if key != "privileged"} == {"validate-features"}
    assert {reader for maker, _, reader in edges if maker == "train-teacher"} == {"score-teacher"}
    assert {reader for maker, _, reader in edges if maker == "validate-features"} == set()
    # What peers say of judging rows is set beside the models' scores, and goes nowhere else.
    assert {reader for maker, _, reader in edges if maker == "score-peers"} == {"evaluate"}
    assert {key for maker, key, _ in edges if maker == "score-teacher"} == {"soft_targets", "teacher_scores"}


def test_1_views_are_offline_and_nothing_that_is_served_names_a_feature(corpus, run_data, recipe, tmp_path):
    views = feature_views(corpus).values()
    assert {field.name for view in views for field in view.features} == PRIVILEGED_NAMES
    assert all(view.online is False and view.tags["privileged"] == "true" for view in views)
    assert len(PRIVILEGED_NAMES) >= 10
    assert {column.name for column in signature().inputs} == {"video", "title", "overlay_text"}
    model = new_classifier(run_data, recipe, 0)
    save_network(model, run_data.tokenizer, [], tmp_path / "student")
    archive = zipfile.ZipFile(build_archive(tmp_path / "student", "low_quality", "1", 0.5, tmp_path / "archive"))
    settings = [name for name in archive.namelist() if not name.endswith((".safetensors", "tokenizer.json"))]
    assert len(settings) >= 5
    for name in settings:
        text = archive.read(name).decode()
        assert not [feature for feature in PRIVILEGED_NAMES if f'"{feature}"' in text], name


def test_1_soft_targets_hold_no_dense_column(artifacts, run_data, recipe, teachers):
    targets, judged = scoring.score_teachers(teachers, run_data, artifacts / "privileged", recipe)
    assert set(targets.table().column_names) == {"video_id", "logits", "loss", "label", "fold"}
    assert set(judged.column_names) == {"video_id", "logits"}


# 2. Point in time: both cut-offs, over the real store.


def test_2_no_value_was_observed_or_written_after_the_label(artifacts, corpus, catalogue):
    """Each retrieved count stands in a row of the source that was observed and written by then."""
    found = pq.read_table(artifacts / "privileged").to_pandas().set_index("video_id")
    source = pq.read_table(corpus / "dense" / "reports").to_pandas()
    as_of = catalogue.set_index("video_id").as_of
    joined = source.merge(as_of.rename("as_of"), left_on="video_id", right_index=True)
    known = joined[(joined.event_timestamp < joined.as_of) & (joined.created_timestamp < joined.as_of)]
    newest = known.sort_values(["event_timestamp", "created_timestamp"]).groupby("video_id").reports.last()
    pd.testing.assert_series_equal(
        found.reports.dropna().astype(float).sort_index(), newest.astype(float).sort_index(), check_names=False
    )
    tempting = joined[(joined.event_timestamp < joined.as_of) & (joined.created_timestamp >= joined.as_of)]
    assert len(tempting) >= 3  # values that only the cut-off on writing keeps out


# 3. Honest soft targets.


@pytest.fixture(scope="module")
def network(recipe):
    """The recipe with DF-X-VLM as its teacher, whose own logits are the soft targets."""
    distillation = recipe.distillation.model_copy(update={"teacher": "network"})
    return recipe.model_copy(update={"distillation": distillation})


@pytest.fixture(scope="module")
def trained_on() -> list[set[str]]:
    return []


@pytest.fixture(scope="module")
def teachers(artifacts, run_data, network, trained_on):
    """The fold teachers, and the videos that each was really trained on."""
    real = teacher_training.fit

    def spy(model, videos, *rest, **named):
        trained_on.append(set(videos.video_ids))
        return real(model, videos, *rest, **named)

    teacher_training.fit = spy
    try:
        pairs = teacher_training.train_teachers(run_data, artifacts / "privileged", network, 0)
        return [teacher for teacher, _ in pairs.values()]
    finally:
        teacher_training.fit = real


def test_3_a_soft_target_comes_from_a_teacher_that_did_not_train_on_the_video(
    artifacts, run_data, network, teachers, trained_on
):
    targets, _ = scoring.score_teachers(teachers, run_data, artifacts / "privileged", network)
    dense, _ = dense_matrix(artifacts / "privileged", run_data.videos.video_ids)
    videos = run_data.videos.with_extras(dense=torch.from_numpy(dense))
    row_of = {video_id: row for row, video_id in enumerate(videos.video_ids)}
    by_teacher = [torch.from_numpy(predict_logits(t, videos, 32)).log_softmax(1).numpy() for t in teachers]
    train = [row for row in targets.table().to_pylist() if row["fold"] >= 0]
    assert len(train) > 20
    for row in train:
        own = by_teacher[row["fold"]][row_of[row["video_id"]]]
        np.testing.assert_allclose(row["logits"], own, atol=1e-5)
        assert row["video_id"] not in trained_on[row["fold"]]
        label = int(videos.labels[row_of[row["video_id"]]])
        assert row["loss"] == pytest.approx(-own[label], abs=1e-5)


def test_3_a_boosted_teacher_is_not_fitted_to_the_rows_that_it_gives_soft_targets_to(rng, recipe):
    rows, fold = 200, np.append(np.arange(198) % 2, [-1, -1])
    dense, raw, labels = rng.normal(size=(rows, 2)), rng.normal(size=(rows, 2)), rng.integers(2, size=rows)
    one, other = (scoring.boosted_teachers(dense, raw, each, fold, recipe) for each in (labels, labels.copy()))
    flipped = np.where(fold == 0, 1 - labels, labels)
    third = scoring.boosted_teachers(dense, raw, flipped, fold, recipe)
    said = [[teacher.log_probabilities(dense, raw) for teacher in each] for each in (one, other, third)]
    np.testing.assert_array_equal(said[0][0], said[1][0])
    np.testing.assert_array_equal(said[0][0], said[2][0])  # fold 0's teacher knows no label of fold 0
    assert np.abs(said[0][1] - said[2][1]).max() > 0.1
    by_fold = np.stack(said[0])
    combined = scoring.out_of_fold(by_fold, by_fold.mean(0), fold)
    np.testing.assert_array_equal(combined[0], said[0][0][0])
    np.testing.assert_array_equal(combined[-1], by_fold.mean(0)[-1])


# 4. Same rows, and thresholds from others.


def test_4_thresholds_come_from_other_rows_than_those_that_judge(rng):
    labels = (rng.random(300) < 0.4).astype(int)
    judging = np.arange(300) >= 150
    scores = {name: rng.dirichlet((1, 1), 300) for name in ("baseline", "student", "teacher")}
    before = evaluate(scores, labels, judging, ("no", "yes"), 0)
    flipped = np.where(judging, 1 - labels, labels)
    after = evaluate(scores, flipped, judging, ("no", "yes"), 0)
    assert {n: m.threshold for n, m in before.models.items()} == {n: m.threshold for n, m in after.models.items()}
    assert before.models["student"].judged != after.models["student"].judged
    other_rows = evaluate(scores, np.where(judging, labels, 1 - labels), judging, ("no", "yes"), 0)
    assert other_rows.models["student"].threshold != before.models["student"].threshold


def test_4_all_models_are_scored_on_the_same_rows(artifacts, run_data, recipe, network, teachers, tmp_path):
    _, scores = scoring.score_teachers(teachers, run_data, artifacts / "privileged", network)
    shuffled = scores.take(list(reversed(range(len(scores)))))
    pq.write_table(shuffled, tmp_path / "teacher_scores.parquet")
    for name in ("baseline", "student"):
        save_network(new_classifier(run_data, recipe, 0), run_data.tokenizer, [], tmp_path / name)
    networks = {name: tmp_path / name for name in ("baseline", "student")}
    judged = scoring.score_judging_rows(
        artifacts / "catalogue.parquet", artifacts / "clips.arrow", networks, tmp_path / "teacher_scores.parquet",
        recipe,
    )  # fmt: skip
    assert {len(values) for values in judged.probabilities.values()} == {len(judged.video_ids)}
    by_id = dict(zip(scores["video_id"].to_pylist(), scores["logits"].to_pylist(), strict=True))
    for video_id, probability in zip(judged.video_ids, judged.probabilities["teacher"], strict=True):
        np.testing.assert_allclose(np.log(probability), by_id[video_id], atol=1e-4)


# 5. Pre-processing travels with the weights. (That the *served* student does too is in the end-to-end test.)


def test_5_a_loaded_student_reproduces_the_evaluated_scores(artifacts, run_data, recipe, catalogue, tmp_path):
    model = new_classifier(run_data, recipe, 7)
    for weight in model.parameters():  # start weights are too small for frames to change a score
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.3)
    torch.nn.init.normal_(model.wide.weight)
    save_network(model, run_data.tokenizer, [], tmp_path)
    evaluated = torch.from_numpy(predict_logits(model, run_data.videos, 32)).softmax(1).numpy()
    rows = catalogue.set_index("video_id").loc[run_data.videos.video_ids[:12]]
    predictor = Predictor.load(tmp_path, 0.5)
    for row, scores in zip(rows.itertuples(), evaluated[:12], strict=True):
        answer = predictor.predict(row.media_uri, row.title, row.overlay_text)
        np.testing.assert_allclose(list(answer.scores.values()), scores, atol=1e-4)
        other = predictor.predict(rows.media_uri.iloc[-1 if row.Index != rows.index[-1] else 0], row.title, "")
        assert abs(next(iter(other.scores.values())) - scores[0]) > 1e-3  # the frames do matter


def test_the_soft_targets_of_a_run_read_back_as_they_were(artifacts, run_data, network, teachers, tmp_path):
    targets, _ = scoring.score_teachers(teachers, run_data, artifacts / "privileged", network)
    pq.write_table(targets.table(), tmp_path / "soft.parquet")
    again = SoftTargets.read(tmp_path / "soft.parquet")
    assert again.video_ids == targets.video_ids
    np.testing.assert_array_equal(again.logits, targets.logits)
    np.testing.assert_array_equal(again.loss, targets.loss)
    unlabelled = run_data.frame.split == "unlabelled"
    assert np.isnan(again.loss).sum() == unlabelled.sum() > 0
