"""The Spark profile in Spark's local mode: the same repository, the same answers. Run with ``make test-spark``."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dense_corpora import motion_corpus

from corpus.validation.statistics import feature_statistics
from feature_repo import retrieval
from feature_repo.provider import PrivilegedViewOnline
from feature_repo.retrieval import open_store, retrieve_features
from feature_repo.views import feature_views

pytestmark = pytest.mark.spark
VIEWS = ["engagement", "reports", "upstream_scores"]


@pytest.fixture(scope="module", autouse=True)
def spark() -> Iterator[None]:
    """Spark is there, and is stopped after the tests."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: 'make test-spark' installs it")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a JDK of version 17 or newer, and there is no java here")
    yield
    if session := sql.SparkSession.getActiveSession():
        session.stop()


def registry_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.sqlite'}"


@pytest.mark.parametrize("features", [VIEWS, ["canary"]], ids=["views", "canary"])
def test_spark_retrieves_what_the_as_of_store_retrieves(artifacts, corpus, tmp_path, features):
    """Both engines over the simulated corpus: late corrections, back-dated rows, vectors, videos without a value."""
    catalogue = artifacts / "catalogue.parquet"
    retrieve_features(corpus, "mine", features, catalogue, tmp_path / "local", str(tmp_path / "registry.db"))
    retrieve_features(corpus, "mine", features, catalogue, tmp_path / "spark", registry_in(tmp_path), "spark")
    local, spark = (
        pq.read_table(tmp_path / name).to_pandas().sort_values("video_id", ignore_index=True)
        for name in ("local", "spark")
    )
    described = json.loads((tmp_path / "spark" / "_features.json").read_text())
    assert described == json.loads((tmp_path / "local" / "_features.json").read_text())
    assert local.video_id.tolist() == spark.video_id.tolist()
    for feature in described["features"]:
        assert local[feature].notna().sum() > 50
        if feature == "topic_scores":
            vectors = [[None if v is None else list(v) for v in frame[feature]] for frame in (local, spark)]
            assert vectors[0] == vectors[1]
        else:
            np.testing.assert_array_equal(spark[feature].to_numpy("float32"), local[feature].to_numpy("float32"))
    assert feature_statistics(tmp_path / "spark", catalogue, tmp_path / "local").one_row_a_video.all()


def test_spark_keeps_both_cut_offs(tmp_path):
    """Observed and written before, observed before and written after, observed and written after."""
    moment, hour = pd.Timestamp("2026-06-02", tz="UTC"), pd.Timedelta("1h")
    event = pd.Series([moment - 3 * hour, moment - 2 * hour, moment + hour, moment - 3 * hour])
    created = pd.Series([moment - 2 * hour, moment, moment + hour, moment - hour])
    frame = pd.DataFrame({"flow_mean": [1.0, 2.0, 3.0, 4.0], "video_id": "a"})
    times = {"event_timestamp": event, "created_timestamp": created}
    frame = frame.assign(**{name: values.astype("datetime64[us, UTC]") for name, values in times.items()})
    motion_corpus(tmp_path / "c", frame)
    as_of = pa.array([moment, moment], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"video_id": ["a", "b"], "as_of": as_of}), tmp_path / "catalogue.parquet")
    found = {}
    for profile, registry in (("local", str(tmp_path / "r.db")), ("spark", registry_in(tmp_path))):
        folder = tmp_path / profile
        retrieve_features(
            tmp_path / "c", "fight", ["motion"], tmp_path / "catalogue.parquet", folder, registry, profile
        )
        rows = pq.read_table(folder)
        found[profile] = dict(zip(rows["video_id"].to_pylist(), rows["flow_mean"].to_pylist(), strict=True))
    assert found == {"local": {"a": 4.0, "b": None}, "spark": {"a": 4.0, "b": None}}


def test_the_sql_registry_keeps_the_repository_and_is_not_asked_for_a_view_that_is_online(
    corpus, tmp_path, monkeypatch
):
    store, service = open_store(corpus, "low_quality", VIEWS, registry_in(tmp_path), "spark")
    assert [each.name for each in store.list_feature_services()] == [service.name]
    views = feature_views(corpus, "spark")
    views["reports"].online = True
    with monkeypatch.context() as patched, pytest.raises(PrivilegedViewOnline, match="reports is privileged"):
        patched.setattr(retrieval, "feature_views", lambda *_: views)
        open_store(corpus, "low_quality", VIEWS, registry_in(tmp_path), "spark")
    again, _ = open_store(corpus, "topic", ["engagement"], registry_in(tmp_path), "spark")
    assert {each.name for each in again.list_feature_services()} == {"low_quality", "topic"}
    assert not any(each.online for each in again.list_feature_views())
