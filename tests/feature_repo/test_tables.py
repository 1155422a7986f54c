"""What a corpus declares of its dense tables, and files that are not as it declares."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dense_corpora import MOTION, REPORTS, declare, motion_corpus

from feature_repo.tables import FeatureError, declared_tables, require_table

TIME = pa.array([0], pa.timestamp("us", "UTC"))
WHOLE = {"video_id": ["a"], "event_timestamp": TIME, "created_timestamp": TIME, "reports": [1.0], "reporters": [1]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reporters": None}, "dense table reports, a.parquet: no column reporters"),
        ({"created_timestamp": pa.array([0], pa.timestamp("us"))}, "created_timestamp has no time zone"),
        ({"created_timestamp": ["2026-06-01"]}, "created_timestamp is string, not a timestamp"),
        ({"reports": ["many"]}, "reports is string, not a number"),
        ({"reports": [[1.0]]}, "reports is list<element: double>, not a number"),
        ({"video_id": [7]}, "video_id is int64, not a string"),
    ],
)
def test_a_dense_table_that_breaks_the_contract_is_named(tmp_path, change, sentence):
    file = tmp_path / "dense" / "reports" / "a.parquet"
    file.parent.mkdir(parents=True)
    with pytest.raises(FeatureError, match="no dense table reports"):
        require_table(tmp_path, "reports", REPORTS)
    pq.write_table(pa.table(WHOLE), file)
    require_table(tmp_path, "reports", REPORTS)
    pq.write_table(pa.table({name: values for name, values in {**WHOLE, **change}.items() if values is not None}), file)
    with pytest.raises(FeatureError, match=sentence):
        require_table(tmp_path, "reports", REPORTS)


def test_a_truncated_file_is_named(tmp_path):
    file = tmp_path / "dense" / "reports" / "a.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table(WHOLE), file)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(FeatureError, match="a.parquet: not a whole Parquet file"):
        require_table(tmp_path, "reports", REPORTS)


def test_columns_that_differ_in_case_alone_are_refused(tmp_path):
    times = [pd.Timestamp("2026-06-02", tz="UTC")]
    frame = pd.DataFrame({"video_id": ["a"], "event_timestamp": times, "created_timestamp": times, "Flow_Mean": [7.0]})
    motion_corpus(tmp_path, frame)
    with pytest.raises(FeatureError, match="Flow_Mean and flow_mean differ in case alone"):
        require_table(tmp_path, "motion", MOTION)


def test_what_a_corpus_declares_is_read_and_one_that_declares_nothing_is_to_be_made_again(tmp_path):
    with pytest.raises(FeatureError, match="there is no corpus at .*none: make one"):
        declared_tables(tmp_path / "none")
    corpus = declare(tmp_path / "c", {"motion": MOTION, "reports": REPORTS})
    assert declared_tables(corpus) == {"motion": MOTION, "reports": REPORTS}
    for text in ("{}", "not JSON", '{"dense": {"motion": {"features": {}}}}', "[]"):
        (corpus / "corpus.json").write_text(text)
        with pytest.raises(FeatureError, match="does not declare the corpus's dense tables: make the corpus again"):
            declared_tables(corpus)
