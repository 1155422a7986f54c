"""What counts, on which side, in which fold."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from corpus.contract import LABELS, VIDEOS, CorpusError, media_source, read_table
from corpus.known_videos import known_videos
from corpus.settings import WindowSettings
from corpus.splitting import group_codes, groups_of
from corpus.window import previous_window, select_window, window_start

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


def a_corpus(folder: Path, videos: pd.DataFrame, *labels: pd.DataFrame) -> Path:
    """Tables alone, the labels in a file each."""
    (folder / "videos").mkdir(parents=True)
    (folder / "labels").mkdir()
    texts = {"title": "", "overlay_text": "", "media_uri": None}
    table = pa.Table.from_pandas(texts_of(videos, texts)[VIDEOS.names], VIDEOS, preserve_index=False)
    pq.write_table(table, folder / "videos" / "all.parquet")
    for number, rows in enumerate(labels):
        of_task = texts_of(rows, {"task": "spam", "source": "x"})[LABELS.names]
        pq.write_table(
            pa.Table.from_pandas(of_task, LABELS, preserve_index=False), folder / "labels" / f"{number}.parquet"
        )
    return folder


def texts_of(rows: pd.DataFrame, defaults: dict) -> pd.DataFrame:
    return rows.assign(**{name: value for name, value in defaults.items() if name not in rows})


def days(*numbers: int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([START + timedelta(days=number) for number in numbers])


def test_of_several_labels_the_newest_before_the_end_counts_and_of_equal_ones_the_last(tmp_path):
    videos = pd.DataFrame({"video_id": ["a", "b"], "published_at": days(0, 1), "group_id": None})
    early = pd.DataFrame(
        {"video_id": ["a", "a", "a", "b"], "label": ["x", "z", "y", "x"], "labeled_at": days(2, 4, 3, 5)}
    )
    late = pd.DataFrame({"video_id": ["b"], "label": ["y"], "labeled_at": days(5)})
    corpus = a_corpus(tmp_path, videos, early, late)

    def known(day: int) -> dict[str, str | None]:
        with known_videos(corpus, "spam", START, START + timedelta(days=day)) as found:
            return {row["video_id"]: row["label"] for row in found.arrays("video_id", "label").to_pylist()}

    assert known(9) == {"a": "z", "b": "y"}
    assert known(4) == {"a": "y", "b": None}
    assert known(1) == {"a": None}


def test_groups_have_the_codes_in_sql_that_they_have_in_python(tmp_path):
    names = ["g", None, "it's", "video b", "é中", ""]
    videos = pd.DataFrame({"video_id": list("abcdef"), "published_at": days(*range(6)), "group_id": names})
    corpus = a_corpus(tmp_path, videos, pd.DataFrame({"video_id": ["a"], "label": ["x"], "labeled_at": days(9)}))
    with known_videos(corpus, "spam", START, END, ["group_id"]) as found:
        assert found.arrays("code")["code"].to_numpy().tolist() == group_codes(videos).tolist()
    assert group_codes(videos)[1] == group_codes(videos)[3]  # its own name is that of b's


ONE = pd.DataFrame({"video_id": ["a"], "label": ["x"], "labeled_at": days(9)})


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path):
    videos = pd.DataFrame({"video_id": ["a", None], "published_at": days(0, 1), "group_id": None})
    corpus = a_corpus(tmp_path / "task=other" / "video_id=b", videos, ONE)
    with known_videos(corpus, "spam", START, END, ["group_id"]) as found:
        rows = found.arrays("video_id", "label", "code").to_pylist()
    assert [(row["video_id"], row["label"]) for row in rows] == [("a", "x"), (None, None)]
    assert all(isinstance(row["code"], int) for row in rows)  # also of a row that lacks its id


def test_columns_that_differ_by_capitals_alone_are_refused(tmp_path):
    videos = pd.DataFrame({"video_id": ["a"], "published_at": days(0), "group_id": None})
    corpus = a_corpus(tmp_path, videos, ONE)
    (file,) = (corpus / "videos").iterdir()
    table = pq.read_table(file)
    pq.write_table(table.append_column("Title", table["title"]), file)
    with pytest.raises(CorpusError, match="videos/all.parquet has columns that differ from title"):
        known_videos(corpus, "spam", START, END, ["title"]).__enter__()


def test_a_text_that_is_no_text_is_a_sentence(tmp_path):
    videos = pd.DataFrame({"video_id": ["a"], "published_at": days(0), "group_id": None})
    corpus = a_corpus(tmp_path, videos, ONE)
    (file,) = (corpus / "videos").iterdir()
    table = pq.read_table(file)
    place = table.column_names.index("title")
    pq.write_table(table.set_column(place, "title", pa.array([b"\xff"], pa.binary())), file)
    more = pa.table({"split": ["train"], "fold": [0], "kept": [True]})
    with (
        pytest.raises(CorpusError, match="cannot be read.*not valid UTF8"),
        known_videos(corpus, "spam", START, END, VIDEOS.names[2:]) as found,
    ):
        found.write(tmp_path / "catalogue.parquet", more)
    file.write_text("no table")
    with pytest.raises(CorpusError, match="not a whole Parquet file"):
        known_videos(corpus, "spam", START, END).__enter__()


def test_media_lie_where_the_contract_says(tmp_path):
    uris = ["media/a.mp4", "/elsewhere/b.mp4", "s3://bucket/c.mp4", None, "it's/d.mp4"]
    videos = pd.DataFrame({"video_id": list("abcde"), "published_at": days(*range(5)), "group_id": None})
    rows = pd.DataFrame({"video_id": ["a"], "label": ["x"], "labeled_at": days(9)})
    corpus = a_corpus(tmp_path / "it's here", videos.assign(media_uri=uris), rows)
    with known_videos(corpus, "spam", START, END, VIDEOS.names[2:]) as found:
        more = pa.table({"split": ["train"] * 5, "fold": [0] * 5, "kept": [True] * 4 + [False]})
        found.write(tmp_path / "catalogue.parquet", more)
    written = pd.read_parquet(tmp_path / "catalogue.parquet").media_uri.tolist()
    assert written == [None if uri is None else media_source(corpus, uri) for uri in uris[:4]]


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
