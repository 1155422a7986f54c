"""The privileged artifact as a matrix: every kind of column, missing values, missing rows, one file or many."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.dataset import dense_matrix, feature_columns, feature_views

NAN = np.nan
TABLE = pa.table(
    {
        "video_id": ["a", "b", "c", "d"],
        "count": pa.array([1, None, 3, 4], pa.int64()),
        "share": pa.array([0.5, 0.25, None, NAN], pa.float32()),
        "flag": pa.array([True, False, None, True]),
        "scores": pa.array([None, [1, 2], None, [3, None]], pa.list_(pa.float32())),
        "fixed": pa.array([[5.0], [8.0], [6.0], [7.0]], pa.list_(pa.float64(), 1)),
        "never": pa.array([None] * 4, pa.list_(pa.float32())),
    }
)
NAMES = ["count", "share", "flag", "scores[0]", "scores[1]", "fixed[0]", "never"]
ROWS = {
    "a": [1, 0.5, 1, NAN, NAN, 5, NAN],
    "b": [NAN, 0.25, 0, 1, 2, 8, NAN],
    "c": [3, NAN, NAN, NAN, NAN, 6, NAN],
    "d": [4, NAN, 1, 3, NAN, 7, NAN],
    "absent": [NAN] * 7,
}


@pytest.mark.parametrize("video_ids", [["d", "absent", "a", "c", "b"], ["absent", "b"], ["c", "a", "c"], ["absent"]])
def test_rows_come_in_the_order_asked_for_and_what_is_missing_is_nan(tmp_path, video_ids):
    pq.write_table(TABLE, tmp_path / "privileged.parquet")
    dense, names = dense_matrix(tmp_path / "privileged.parquet", video_ids)
    assert names == NAMES
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, np.array([ROWS[video_id] for video_id in video_ids], np.float32))


def test_a_folder_of_parts_reads_as_one_file_whatever_is_null_in_a_part(tmp_path):
    folder = tmp_path / "privileged"
    folder.mkdir()
    for part in range(4):
        pq.write_table(TABLE.slice(part, 1), folder / f"part-{part}.parquet")
    (folder / "_features.json").write_text(json.dumps({"features": {"count": {"view": "reports"}, "share": {}}}))
    dense, names = dense_matrix(folder, ["c", "b", "absent", "d"])
    assert names == NAMES
    np.testing.assert_array_equal(dense, np.array([ROWS[each] for each in ("c", "b", "absent", "d")], np.float32))
    assert feature_views(folder) == {"count": "reports", "share": ""}


def test_an_artifact_without_rows_knows_no_value(tmp_path):
    pq.write_table(TABLE.slice(0, 0), tmp_path / "privileged.parquet")
    dense, _ = dense_matrix(tmp_path / "privileged.parquet", ["a", "b"])
    assert len(dense) == 2
    assert np.isnan(dense).all()


def test_two_rows_of_a_video_and_vectors_of_two_lengths_are_errors(tmp_path):
    path = tmp_path / "privileged.parquet"
    pq.write_table(pa.table({"video_id": ["a", "a"], "count": [1, 2]}), path)
    with pytest.raises(ValueError, match="two rows"):
        dense_matrix(path, ["a"])
    pq.write_table(pa.table({"video_id": ["a", "b"], "scores": [[1.0], [1.0, 2.0]]}), path)
    with pytest.raises(ValueError, match=r"scores differ in length: \[1, 2\]"):
        dense_matrix(path, ["a"])


def test_columns_are_told_apart_by_feature_and_features_by_view(artifacts, tmp_path):
    assert feature_columns(["a", "b[0]", "b[1]", "c"]) == {"a": [0], "b": [1, 2], "c": [3]}
    views = feature_views(artifacts / "privileged.parquet")  # as retrieval writes it
    assert views["reports"] == views["reporters"] == "reports"
    _, names = dense_matrix(artifacts / "privileged.parquet", ["absent"])
    assert list(feature_columns(names)) == list(views)
    pq.write_table(TABLE, tmp_path / "plain.parquet")
    assert set(feature_views(tmp_path / "plain.parquet").values()) == {""}
