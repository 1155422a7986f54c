"""Each guard against leaks: it holds, and without it the leak is there."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dense_corpora import declare
from feast import FeatureStore, Field
from feast.infra.passthrough_provider import PassthroughProvider
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64
from histories import VIDEO, write_history
from sklearn.metrics import roc_auc_score

import feature_repo
from common.dense_table import DenseTable, Feature
from feature_repo import provider
from feature_repo.provider import PrivilegedViewOnline
from feature_repo.retrieval import open_store, retrieve_features
from feature_repo.timing import view_times
from feature_repo.views import feature_views
from reports.features import features_page

END = datetime(2026, 7, 1, tzinfo=UTC)
VIEWS = ["engagement", "reports", "upstream_scores"]


def apply_online(corpus, tmp_path, tags: dict[str, str]) -> FeatureStore:
    store, _ = open_store(corpus, "low_quality", VIEWS, str(tmp_path / "registry.db"))
    view = feature_views(corpus)["reports"]
    view.name, view.online, view.tags = "served", True, tags
    store.apply([VIDEO, view])
    return store


@pytest.mark.parametrize("tags", [{"privileged": "true"}, {}])
def test_apply_refuses_a_privileged_view_that_is_online_and_leaves_the_registry_as_it_was(corpus, tmp_path, tags):
    with pytest.raises(PrivilegedViewOnline, match="served is privileged and online.*set online=False"):
        apply_online(corpus, tmp_path, tags)
    store, _ = open_store(corpus, "low_quality", VIEWS, str(tmp_path / "registry.db"))
    assert "served" not in {view.name for view in store.list_feature_views()}


def test_without_the_guard_feast_would_take_it(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(provider.PrivilegedProvider, "update_infra", PassthroughProvider.update_infra)
    store = apply_online(corpus, tmp_path, {"privileged": "true"})
    assert "served" in {view.name for view in store.list_feature_views()}


def test_a_view_that_says_it_is_not_privileged_may_be_online(corpus, tmp_path):
    store = apply_online(corpus, tmp_path, {"privileged": "false"})
    assert "served" in {view.name for view in store.list_feature_views()}


EXTRA = """
from feast import FeatureView, Field, FileSource
from feast.types import Float32
from feature_repo.views import video
source = FileSource(name="extra_table", path="extra.parquet", timestamp_field="event_timestamp")
extra = FeatureView(name="extra", entities=[video], schema=[Field(name="x", dtype=Float32)], source=source, online=True)
"""


def test_the_feast_command_refuses_it_too(corpus, tmp_path):
    copy = tmp_path / "feature_repo"
    shutil.copytree(Path(feature_repo.__file__).parent, copy, ignore=shutil.ignore_patterns("data", "__pycache__"))
    (copy / "extra.py").write_text(EXTRA)
    table = {"video_id": ["a"], "x": pa.array([1.0], pa.float32()), "event_timestamp": [pd.Timestamp(END)]}
    pq.write_table(pa.table(table), copy / "extra.parquet")
    feast = [str(Path(sys.executable).with_name("feast")), "-c", str(copy), "apply"]
    environment = {**os.environ, "CPFD_CORPUS": str(corpus)}
    done = subprocess.run(feast, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode != 0
    assert "the feature view extra is privileged and online" in done.stdout + done.stderr


def canary_auc(labelled: pd.DataFrame, values: pd.DataFrame) -> float:
    """How well the canary predicts the label; 0.5 for videos without a value."""
    canary = values.set_index("video_id").canary.reindex(labelled.video_id).fillna(0.5)
    return float(roc_auc_score(labelled.label == "low_quality", canary))


def test_the_canary_is_worth_nothing_and_would_win_without_a_cut_off(corpus, artifacts, catalogue, tmp_path):
    """A feature that equals the label, in rows written after it and in rows observed after it."""
    labelled = catalogue[catalogue.label.notna()]
    registry = str(tmp_path / "registry.db")
    retrieve_features(corpus, "mine", ["canary"], artifacts / "catalogue.parquet", tmp_path / "out", registry)
    honest = canary_auc(labelled, pq.read_table(tmp_path / "out").to_pandas())
    deviation = (
        1 / (12 * min((labelled.label == "low_quality").sum(), (labelled.label != "low_quality").sum()))
    ) ** 0.5
    assert abs(honest - 0.5) < 3 * deviation
    store, service = open_store(corpus, "mine", ["canary"], registry)
    entities = labelled[["video_id"]].assign(event_timestamp=labelled.as_of - pd.Timedelta("1us"))
    without_created = store.get_historical_features(entities, service).to_df()
    assert canary_auc(labelled, without_created) == 1.0
    at_the_end = store.get_historical_features(
        entities.assign(event_timestamp=pd.Timestamp(END) + pd.Timedelta("30D")),
        service,
        filter_by_created_timestamp=True,
    ).to_df()
    assert canary_auc(labelled, at_the_end) == 1.0


def test_the_share_of_values_written_after_the_label_is_counted(corpus, artifacts, catalogue):
    found = view_times(corpus, VIEWS, artifacts / "catalogue.parquet", END)
    labelled = catalogue[catalogue.label.notna()][["video_id", "as_of"]]
    for view, values in found.items():
        rows = pq.read_table(corpus / "dense" / view).to_pandas().merge(labelled, on="video_id")
        late = rows[(rows.event_timestamp < rows.as_of) & (rows.created_timestamp >= rows.as_of)]
        assert values["written_late_share"] == pytest.approx(late.video_id.nunique() / len(labelled))
        known = rows[(rows.event_timestamp < rows.as_of) & (rows.created_timestamp < rows.as_of)]
        newest = known.sort_values(["event_timestamp", "created_timestamp"]).groupby("video_id").tail(1)
        assert (values["videos"], values["with_value"]) == (len(labelled), len(newest))
        for lag, column in (("event_lag_hours", "event_timestamp"), ("created_lag_hours", "created_timestamp")):
            hours = (newest.as_of - newest[column]).dt.total_seconds() / 3_600
            expected = hours.quantile([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist()
            assert values[lag] == pytest.approx(expected, rel=1e-6)
    assert found["reports"]["written_late_share"] > 0.02  # recounts and audits of the simulation
    assert json.dumps(found)


def test_a_view_without_a_row_of_any_labelled_video_is_said_to_have_none(corpus, artifacts, tmp_path):
    copy = tmp_path / "a[1]"  # as a folder may be called
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns("media"))
    for file in (copy / "dense" / "reports").glob("*.parquet"):
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    shutil.copyfile(artifacts / "catalogue.parquet", copy / "catalogue.parquet")
    found = view_times(copy, VIEWS, copy / "catalogue.parquet", END)
    assert (found["reports"]["with_value"], found["reports"]["written_late_share"]) == (0, 0)
    assert found["engagement"]["with_value"] > 0
    facts = pd.DataFrame({"feature": ["reports"], "view": "reports", "missing_share": 1.0, "not_finite": 0,
                          "out_of_range_share": 0.0, "drift_index": float("nan"), "note": ""})  # fmt: skip
    assert "no value" in features_page(facts, found, [])


def test_a_view_on_demand_that_would_write_privileged_features_online_is_refused(corpus, tmp_path):
    reports = feature_views(corpus)["reports"]

    @on_demand_feature_view(
        sources=[reports], schema=[Field(name="twice", dtype=Float64)], entities=[VIDEO], mode="pandas",
        write_to_online_store=True,
    )  # fmt: skip
    def served(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"twice": frame.reports * 2})

    store, _ = open_store(corpus, "low_quality", VIEWS, str(tmp_path / "registry.db"))
    with pytest.raises(PrivilegedViewOnline, match="served is privileged and online"):
        store.apply([VIDEO, reports, served])
    assert not store.list_on_demand_feature_views()


def test_a_view_that_nothing_was_written_to_is_stale(corpus, artifacts):
    early = datetime(2020, 1, 1, tzinfo=UTC)
    assert view_times(corpus, VIEWS, artifacts / "catalogue.parquet", early)["reports"]["stale_hours"] is None
    later = view_times(corpus, VIEWS, artifacts / "catalogue.parquet", datetime(2027, 1, 1, tzinfo=UTC))
    assert later["reports"]["stale_hours"] > 24 * 100


def test_rows_alike_in_video_event_and_created_time_are_counted(tmp_path):
    moment = pd.Timestamp("2026-06-02", tz="UTC")
    early = [moment - pd.Timedelta("3h"), moment - pd.Timedelta("3h"), moment - pd.Timedelta("2h")]
    rows = pd.DataFrame(
        {"video_id": "a", "event_timestamp": early, "created_timestamp": early, "count": [1.0, 2.0, 3.0]}
    )
    declare(tmp_path, {"motion": DenseTable(features={"count": Feature()})})
    write_history(tmp_path / "dense", "motion", rows, files=2)
    catalogue = pd.DataFrame({"video_id": ["a", "b"], "as_of": moment, "label": ["fight", "noFight"]})
    catalogue.to_parquet(tmp_path / "catalogue.parquet", index=False)
    found = view_times(tmp_path, ["motion"], tmp_path / "catalogue.parquet", END)["motion"]
    assert (found["videos"], found["with_value"], found["repeated_rows"]) == (2, 1, 1)
    assert found["written_late_share"] == 0
