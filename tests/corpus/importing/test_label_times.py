"""Labels: their classes, when they count as made, and those that no run would count."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from mappings import LABEL, TIMELESS, mapping

from corpus.contract import LABELS, VIDEOS, CorpusError, read_manifest, read_table
from corpus.importing.importer import import_corpus


def labels_in(corpus):
    return read_table(corpus / "labels", LABELS).to_pandas().set_index("video_id")


def test_only_the_classes_become_labels_made_some_hours_after_a_time(source, tmp_path):
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["verdict"] = ["yes", "spam", "no"]
    table.to_csv(source / "table.csv", index=False)
    labels = [{**LABEL, "classes": ["no", "yes"], "delay_hours": 36}]
    import_corpus(mapping(source, labels=labels), source, tmp_path / "corpus")
    found = read_table(tmp_path / "corpus" / "labels", LABELS).to_pandas().set_index("video_id")
    assert found.label.to_dict() == {"1": "yes", "3": "no"}
    assert (found.labeled_at == pd.Timestamp("2026-01-06 11:00", tz="UTC")).all()  # Berlin's 2026-01-05, 36 h later
    assert len(read_table(tmp_path / "corpus" / "videos", VIDEOS)) == 3
    assert "count as made 36 h after reviewed" in read_manifest(tmp_path / "corpus").description


def test_labels_are_renamed_before_classes_are_chosen_and_others_stay_as_they_are(source, tmp_path):
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["verdict"] = ["1", "0", "spam"]
    table.to_csv(source / "table.csv", index=False)
    labels = [{**LABEL, "rename": {1: "bad", "0": "good"}}]
    import_corpus(mapping(source, labels=labels), source, tmp_path / "all")
    assert labels_in(tmp_path / "all").label.to_dict() == {"1": "bad", "2": "good", "3": "spam"}
    labels = [{**labels[0], "classes": ["good", "bad"]}]
    import_corpus(mapping(source, labels=labels), source, tmp_path / "two")
    assert labels_in(tmp_path / "two").label.to_dict() == {"1": "bad", "2": "good"}


@pytest.mark.parametrize(
    ("moment", "made"),
    [
        (datetime(2026, 1, 5, tzinfo=UTC), "2026-01-05 00:00"),
        (datetime(2026, 1, 5, 1), "2026-01-05 00:00"),  # in the mapping's zone, Berlin
    ],
)
def test_all_labels_may_be_made_at_one_moment(source, tmp_path, moment, made):
    labels = [{"task": "t", "label": "verdict", "labeled_on": moment}]
    import_corpus(mapping(source, labels=labels), source, tmp_path / "corpus")
    assert (labels_in(tmp_path / "corpus").labeled_at == pd.Timestamp(made, tz="UTC")).all()
    assert "Labels of t all count as made at 2026-01-05T0" in read_manifest(tmp_path / "corpus").description
    with pytest.raises(CorpusError, match="labels.labeled_on of t has no time zone: give the mapping a 'timezone'"):
        naive = [{**labels[0], "labeled_on": moment.replace(tzinfo=None)}]
        made_up = {"upload_days": {"first": moment, "days": 3}, "timezone": None}
        import_corpus(mapping(source, **{**TIMELESS, "labels": naive}, **made_up), source, tmp_path / "other")


def test_labels_that_a_run_would_not_count_are_counted_on_import(source, tmp_path):
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["verdict"] = ["yes", "no", "yes"]
    table["reviewed"] = ["2025-12-31 00:00", "2026-01-03 23:59", "2026-01-04 01:00"]  # Berlin is an hour ahead
    table.to_csv(source / "table.csv", index=False)
    found = import_corpus(mapping(source, dense={}), source, tmp_path / "corpus").uncounted
    assert len(found) == 2
    assert found[0].startswith("1 of 3 labels of t were made before their video was published")
    assert found[1].startswith("2 of 3 labels of t were made at 2026-01-03 or later")
    table["reviewed"] = ["2026-01-02 00:00"] * 3
    table["when"] = ["2026-01-01 00:00"] * 2 + ["2026-01-01 23:00"]
    table.to_csv(source / "table.csv", index=False)
    found = import_corpus(mapping(source, dense={}), source, tmp_path / "other").uncounted
    assert found == []


def test_what_is_of_no_video_or_has_no_time_is_left_out_and_said(source, tmp_path):
    reviews = pd.DataFrame({"video": ["1", "2", "03"], "verdict": ["yes", "no", "yes"]})
    reviews["reviewed"] = ["2026-01-02 00:00", None, "2026-01-02 00:00"]
    reviews.to_csv(source / "reviews.csv", index=False)
    labels = [{**LABEL, "table": "reviews.csv", "video_id": "video"}]
    found = import_corpus(mapping(source, labels=labels), source, tmp_path / "corpus").uncounted
    assert labels_in(tmp_path / "corpus").label.to_dict() == {"1": "yes"}
    assert found == [
        "1 of 3 labels of t in reviews.csv are of no video of the corpus, such as 03, and are left out",
        "1 of 3 labels of t in reviews.csv have no time and are left out",
        "1 of 3 rows of the dense table motion in motion.csv are of no video of the corpus, such as 9, and are "
        "left out",
    ]


def test_made_up_times_keep_groups_together_and_are_said(source, tmp_path):
    days = {"first": datetime(2026, 3, 1, tzinfo=UTC), "days": 10}
    import_corpus(mapping(source, upload_days=days, **TIMELESS), source, tmp_path / "corpus")
    table = read_table(tmp_path / "corpus" / "videos", VIDEOS).to_pandas()
    assert (table.groupby("group_id").published_at.nunique() == 1).all()
    assert table.published_at.nunique() == 2
    assert "Times are made up" in read_manifest(tmp_path / "corpus").description


def made_up(source, tmp_path, **days):
    """(when videos came, when their labels and values were made) in hours after the first upload day."""
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["verdict"], table["channel"] = ["yes", "no", "yes"], ["a", "b", "c"]
    table.to_csv(source / "table.csv", index=False)
    first = datetime(2026, 3, 1, tzinfo=UTC)
    corpus = tmp_path / "corpus"
    made = import_corpus(mapping(source, upload_days={"first": first, "days": 3, **days}, **TIMELESS), source, corpus)
    videos = read_table(corpus / "videos", VIDEOS).to_pandas().set_index("video_id").published_at
    dense = pd.read_parquet(corpus / "dense" / "motion").set_index("video_id").event_timestamp
    hours = [
        (times.sort_index() - first) / pd.Timedelta("1h") for times in (videos, labels_in(corpus).labeled_at, dense)
    ]
    return [each.tolist() for each in hours], made.uncounted


def test_labels_of_the_last_made_up_day_are_made_before_it_is_over(source, tmp_path):
    (videos, labels, dense), uncounted = made_up(source, tmp_path)
    assert videos == [0, 24, 48]
    assert labels[:2] == [24, 48]
    assert 71.99 < labels[2] < 72  # the newest day ends at 72, and with it the window
    assert dense == [1, 25]
    assert [sentence for sentence in uncounted if "labels" in sentence] == []


def test_labels_stay_after_the_dense_values_even_if_that_is_after_the_window_and_said(source, tmp_path):
    (_, labels, dense), uncounted = made_up(source, tmp_path, label_delay_hours=48, dense_delay_hours=30)
    assert labels[0] == 48
    assert all(54 < label < 71.99 + 7 for label in labels[1:])
    assert all(label > value for label, value in zip(labels, dense, strict=False))
    assert uncounted[1:] == [
        "1 of 3 labels of t were made at 2026-03-04 or later, where a window ends by default (the day after the newest "
        "video): a run counts them only with a later --end"
    ]
