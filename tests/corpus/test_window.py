"""What counts, on which side, in which fold."""

import shutil
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from corpus.contract import VIDEOS, CorpusError, read_table
from corpus.settings import WindowSettings
from corpus.window import (
    assign_folds,
    assign_splits,
    groups_of,
    newest_labels,
    previous_window,
    select_window,
    window_start,
)  # fmt: skip

CLASSES = ("good_quality", "low_quality")
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)

SETTINGS = WindowSettings(evaluation_share=0.25, tuning_share=0.2)


def test_months_are_calendar_months():
    assert window_start(datetime(2026, 5, 31, tzinfo=UTC), 3) == datetime(2026, 2, 28, tzinfo=UTC)


def test_the_end_is_excluded_and_the_start_is_not(corpus, task):
    middle = START + timedelta(days=15)
    rows = select_window(corpus, task.task, task.classes, START, middle, SETTINGS, 2, 0)
    assert (rows.published_at >= START).all()
    assert (rows.published_at < middle).all()


def test_a_label_made_after_the_end_is_not_known(corpus, task):
    rows = select_window(corpus, task.task, task.classes, START, START + timedelta(days=20), SETTINGS, 2, 0)
    labelled = rows[rows.label.notna()]
    assert (labelled.as_of < START + timedelta(days=20)).all()
    unlabelled = rows[rows.label.isna()]
    assert (unlabelled.as_of == START + timedelta(days=20)).all()
    assert set(unlabelled.split) == {"unlabelled", "held_out"}


def test_of_several_labels_the_newest_counts():
    times = pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-02"], utc=True)
    labels = pd.DataFrame({"video_id": "a", "label": ["x", "z", "y"], "labeled_at": times, "source": "x"})
    assert newest_labels(labels, datetime(2026, 2, 1, tzinfo=UTC)).label.tolist() == ["z"]
    assert newest_labels(labels, datetime(2026, 1, 3, tzinfo=UTC)).label.tolist() == ["y"]


def rows_of(groups: list[str | None]) -> pd.DataFrame:
    count = len(groups)
    return pd.DataFrame(
        {
            "video_id": [f"v{index}" for index in range(count)],
            "group_id": groups,
            "label": ["a", "b"] * (count // 2) + ["a"] * (count % 2),
        }
    )


@pytest.mark.parametrize("split", ["newest", "random"])
def test_a_group_stays_on_one_side_and_in_one_fold(split):
    rows = rows_of([f"g{index % 17}" if index % 5 else None for index in range(200)])
    rows["split"] = assign_splits(rows, SETTINGS.model_copy(update={"split": split}), seed=1)
    grouped = rows[rows.group_id.notna()]
    assert (grouped.groupby("group_id").split.nunique() == 1).all()
    rows.loc[rows.index % 3 == 0, "label"] = None
    rows["split"] = assign_splits(rows, SETTINGS.model_copy(update={"split": split}), seed=1)
    judging = set(rows.group_id[rows.split.isin(["tuning", "evaluation"])].dropna())
    learning = set(rows.group_id[rows.split.isin(["train", "unlabelled"])].dropna())
    assert judging
    assert not judging & learning
    assert (rows.split[rows.label.isna()].isin(["unlabelled", "held_out"])).all()
    rows = rows_of(list(rows.group_id))
    rows["split"] = assign_splits(rows, SETTINGS.model_copy(update={"split": split}), seed=1)
    shares = rows.split.value_counts(normalize=True)
    assert 0.15 < shares["evaluation"] < 0.35
    rows["fold"] = assign_folds(rows, 3, seed=1)
    train = rows[(rows.split == "train") & rows.group_id.notna()]
    assert (train.groupby("group_id").fold.nunique() == 1).all()
    assert set(rows.fold[rows.split == "train"]) == {0, 1, 2}
    assert (rows.fold[rows.split != "train"] == -1).all()


def test_newest_puts_the_newest_on_the_evaluation_side():
    rows = rows_of([None] * 100)
    splits = assign_splits(rows, SETTINGS, seed=0)
    assert list(splits) == ["train"] * 55 + ["tuning"] * 20 + ["evaluation"] * 25


def test_the_seed_alone_decides_a_random_split():
    rows = rows_of([None] * 100)
    random = SETTINGS.model_copy(update={"split": "random"})
    assert (assign_splits(rows, random, 1) == assign_splits(rows, random, 1)).all()
    assert (assign_splits(rows, random, 1) != assign_splits(rows, random, 2)).any()


def test_an_empty_window_says_how_far_the_corpus_reaches(corpus, task):
    late = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(CorpusError, match="the corpus reaches from 2026-06"):
        select_window(corpus, task.task, task.classes, late, late + timedelta(days=90), SETTINGS, 2, 0)


def test_a_video_without_media_keeps_none(corpus, task, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns("media"))
    videos = read_table(copy / "videos", VIDEOS).to_pandas()
    videos["media_uri"] = videos.media_uri.where(videos.index > 9)
    shutil.rmtree(copy / "videos")
    (copy / "videos").mkdir()
    videos.to_parquet(copy / "videos" / "all.parquet", index=False)
    rows = select_window(copy, task.task, task.classes, START, END, SETTINGS, 2, 0).set_index("video_id")
    assert set(rows.index[rows.media_uri.isna()]) == set(videos.video_id.head(10)) & set(rows.index)
    assert rows.media_uri.isna().sum() >= 10
    assert rows.media_uri.dropna().str.startswith(str(copy)).all()


def test_a_class_without_rows_and_labels_that_are_not_there_are_named(corpus, task):
    with pytest.raises(CorpusError, match="no video labelled never_given"):
        select_window(corpus, task.task, (*task.classes, "never_given"), START, END, SETTINGS, 2, 0)
    with pytest.raises(CorpusError, match="has no labels unknown: it has harmful_content, low_quality, topic; name"):
        select_window(corpus, "unknown", task.classes, START, END, SETTINGS, 2, 0)


@pytest.mark.parametrize(("table", "column"), [("videos", "published_at"), ("labels", "labeled_at")])
def test_a_row_without_a_time_is_named(corpus, task, tmp_path, table, column):
    copy = tmp_path / "copy"
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns("media"))
    rows = pq.read_table(copy / table)
    row = next(row for row in rows.to_pylist() if row.get("task", task.task) == task.task)
    row |= {"video_id": "timeless", column: None}
    pq.write_table(pa.Table.from_pylist([row], rows.schema), copy / table / "timeless.parquet")
    with pytest.raises(CorpusError, match=f"1 rows of {table}.* have no {column}, such as those of timeless"):
        select_window(copy, task.task, task.classes, START, END, SETTINGS, 2, 0)


def test_too_few_groups_for_the_folds_is_named():
    rows = rows_of(["one", "two"] * 10)
    rows["split"] = "train"
    with pytest.raises(CorpusError, match="2 groups of training videos cannot make 3 folds"):
        assign_folds(rows, 3, 0)


def test_the_previous_window_ends_where_this_one_starts_and_knows_no_later_label(corpus):
    start = START + timedelta(days=15)
    rows = previous_window(corpus, "low_quality", start, 3, 1_000, 0)
    videos = read_table(corpus / "videos", VIDEOS).to_pandas().set_index("video_id").published_at
    assert 50 < len(rows) < 1_000
    assert rows.video_id.is_unique
    assert (videos[~videos.index.duplicated()].loc[rows.video_id] < start).all()
    assert (rows.as_of <= pd.Timestamp(start)).all()
    assert (rows.as_of < pd.Timestamp(start)).sum() > 10
    drawn = previous_window(corpus, "low_quality", start, 3, 20, 0)
    assert len(drawn) == 20
    pd.testing.assert_frame_equal(drawn, previous_window(corpus, "low_quality", start, 3, 20, 0))
    assert set(drawn.video_id) < set(rows.video_id)


def test_there_may_be_no_previous_window(corpus):
    rows = previous_window(corpus, "low_quality", START, 3, 1_000, 0)
    assert len(rows) == 0
    assert rows.as_of.dtype == "datetime64[us, UTC]"


def test_a_stable_split_keeps_each_group_on_its_side_in_every_window(corpus):
    settings = WindowSettings(split="stable", evaluation_share=0.3, tuning_share=0.2)
    moments = [(START, END), (START + timedelta(days=10), END), (START - timedelta(days=300), END - timedelta(days=8))]
    sides: dict[str, set[str]] = {}
    for start, end in moments:
        rows = select_window(corpus, "low_quality", CLASSES, start, end, settings, 2, seed=len(sides))
        for group, side in zip(groups_of(rows), rows.split, strict=True):
            judges = {"unlabelled": "train", "held_out": "judges", "tuning": "judges", "evaluation": "judges"}
            sides.setdefault(group, set()).add(judges.get(side, side))
    assert {len(found) for found in sides.values()} == {1}
    rows = select_window(corpus, "low_quality", CLASSES, START, END, settings, 2, seed=0)
    labelled = rows[rows.label.notna()]
    assert (labelled.split == "evaluation").mean() == pytest.approx(0.3, abs=0.12)


def test_evaluation_rows_of_earlier_months_judge_too_and_nothing_else_of_them_is_there(corpus):
    late = END - timedelta(days=12)
    plain = WindowSettings(split="stable", evaluation_share=0.3, tuning_share=0.2)
    pooled = plain.model_copy(update={"pooled_months": 1})
    own = select_window(corpus, "low_quality", CLASSES, late, END, plain, 2, seed=0)
    both = select_window(corpus, "low_quality", CLASSES, late, END, pooled, 2, seed=0)
    earlier = both[both.published_at < late]
    assert len(earlier)
    assert set(earlier.split) == {"evaluation"}
    assert (
        both[both.published_at >= late].reset_index(drop=True)[["video_id", "split"]].equals(own[["video_id", "split"]])
    )
    whole = select_window(corpus, "low_quality", CLASSES, START, END, plain, 2, seed=0)
    judging = whole[(whole.split == "evaluation") & (whole.published_at < late)]
    assert set(earlier.video_id) == set(judging.video_id)


def test_pooling_needs_a_split_that_stays():
    with pytest.raises(ValidationError, match="pooled_months needs 'split: stable'"):
        WindowSettings(pooled_months=3)
