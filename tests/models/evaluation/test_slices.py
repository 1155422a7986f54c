"""The parts that judging rows are cut into."""

import numpy as np
import pandas as pd
import pytest

from models.evaluation.slices import script_of, slices_of


def rows(**columns) -> pd.DataFrame:
    times = pd.date_range("2026-06-01", periods=6, tz="UTC")
    return pd.DataFrame(
        {"published_at": times, "title": "a title", "overlay_text": "text", "label_source": "x", **columns}
    )


def test_rows_are_cut_by_length_time_and_what_is_missing():
    found = slices_of(
        rows(title=["", None, "x", "xx", "x" * 40, "x" * 50], overlay_text=["", "t", None, "t", "t", "t"])
    )
    assert found["missing text"].tolist() == ["both", "title", "overlay text", "none", "none", "none"]
    assert found["published"].tolist() == ["first third"] * 2 + ["second third"] * 2 + ["last third"] * 2
    assert found["length of the texts"].tolist() == ["short"] * 3 + ["middle"] + ["long"] * 2
    assert {len(each) for each in found.values()} == {6}


def test_what_puts_all_rows_into_one_slice_is_left_out():
    found = slices_of(rows())
    assert set(found) == {"published"}
    assert len(np.unique(found["published"])) == 3


def test_rows_are_cut_by_script_and_by_who_made_the_label():
    found = slices_of(rows(title=["dog", "собака"] * 3, label_source=["reviewers", None, "reports"] * 2))
    assert found["script"].tolist() == ["latin", "cyrillic"] * 3
    assert found["source of the label"].tolist() == ["reviewers", "unknown", "reports"] * 2


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Ein Hund! 123", "latin"),
        ("собака dog", "cyrillic"),
        ("狗狗 cute", "latin"),
        ("一只可爱的狗 ok", "cjk"),
        ("강아지", "hangul"),
        ("🐶 123 …", "no letters"),
        ("", "no letters"),
    ],
)
def test_a_text_is_in_the_script_of_most_of_its_letters(text, script):
    assert script_of(text) == script
