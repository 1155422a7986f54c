"""The privileged artifact as a matrix: every kind of column, missing values, missing rows, one file or many."""

import numpy as np
import pyarrow as pa
import pytest
from privileged_artifact import write_privileged

from models.data.dense import DatasetError, dense_matrix, feature_columns, feature_views

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
    dense, names = dense_matrix(write_privileged(tmp_path / "privileged", TABLE), video_ids)
    assert names == NAMES
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, np.array([ROWS[video_id] for video_id in video_ids], np.float32))


def test_a_folder_of_parts_reads_as_one_file_whatever_is_null_in_a_part(tmp_path):
    timed = TABLE.append_column("event_timestamp", pa.array([0] * 4, pa.timestamp("us", "UTC")))  # not a feature
    folder = write_privileged(tmp_path / "privileged", timed, {"count": {"view": "reports"}}, parts=4)
    dense, names = dense_matrix(folder, ["c", "b", "absent", "d"])
    assert names == NAMES
    np.testing.assert_array_equal(dense, np.array([ROWS[each] for each in ("c", "b", "absent", "d")], np.float32))
    views = feature_views(folder)
    assert (views["count"], views["share"]) == ("reports", "")


def test_an_artifact_without_rows_knows_no_value(tmp_path):
    dense, _ = dense_matrix(write_privileged(tmp_path / "privileged", TABLE.slice(0, 0)), ["a", "b"])
    assert len(dense) == 2
    assert np.isnan(dense).all()


def test_two_rows_of_a_video_and_vectors_of_two_lengths_are_errors(tmp_path):
    path = write_privileged(tmp_path / "twice", pa.table({"video_id": ["a", "a"], "count": [1, 2]}))
    with pytest.raises(DatasetError, match="two rows"):
        dense_matrix(path, ["a"])
    path = write_privileged(tmp_path / "uneven", pa.table({"video_id": ["a", "b"], "scores": [[1.0], [1.0, 2.0]]}))
    with pytest.raises(DatasetError, match=r"scores differ in length: \[1, 2\]"):
        dense_matrix(path, ["a"])


def test_columns_are_told_apart_by_feature_and_features_by_view(artifacts):
    assert feature_columns(["a", "b[0]", "b[1]", "c"]) == {"a": [0], "b": [1, 2], "c": [3]}
    views = feature_views(artifacts / "privileged")  # as retrieval writes it
    assert views["reports"] == views["reporters"] == "reports"
    _, names = dense_matrix(artifacts / "privileged", ["absent"])
    assert list(feature_columns(names)) == list(views)
