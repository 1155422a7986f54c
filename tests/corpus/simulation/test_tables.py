"""The corpus of tables only holds the contract, is a function of its settings, and can be selected and joined."""

import hashlib
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import canary_kinds
from typer.testing import CliRunner

from common.artifacts import LABELLED
from corpus.contract import DENSE_KEYS, LABELS, VIDEOS, CorpusError, read_manifest, read_table
from corpus.simulation import tables as module
from corpus.simulation.causes import LABEL_TASKS, START, SimulationSettings, id_digits
from corpus.simulation.simulate import LEXICON
from corpus.simulation.tables import simulate_tables
from corpus.window import select_window
from pipelines.cli.main import app

SETTINGS = SimulationSettings(videos=3_000, days=30, seed=3)
VIEWS = {
    "engagement": ["views", "likes", "shares", "watched_share"],
    "reports": ["reports", "reporters"],
    "upstream_scores": ["safety_score", "quality_score", "topic_scores"],
}
HOURS = {"engagement": {1, 6, 24, 72}, "reports": {3, 12, 24, 72}, "upstream_scores": {2, 8, 26, 80}}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """3000 videos in three files a table."""
    folder = tmp_path_factory.mktemp("corpora") / "tables"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "VIDEOS_A_FILE", 1_000)
        simulate_tables(folder, SETTINGS)
    return folder


def dense(corpus, view):
    return pq.read_table(corpus / "dense" / view).to_pandas()


def contents(corpus, table, by):
    """A table's rows in an order that does not depend on its files."""
    return pq.read_table(corpus / table).to_pandas().sort_values(by, ignore_index=True)


def digests(corpus):
    return {
        str(path.relative_to(corpus)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(corpus.rglob("*.parquet"))
    }


def test_every_file_is_in_the_columns_and_types_of_the_contract(tables):
    expected = {"videos": VIDEOS, "labels": LABELS}
    for view, features in VIEWS.items():
        types = [pa.list_(pa.float32()) if name == "topic_scores" else pa.float32() for name in features]
        expected[f"dense/{view}"] = pa.schema([*DENSE_KEYS, *zip(features, types, strict=True)])
    for table, schema in expected.items():
        files = sorted((tables / table).iterdir())
        assert [file.name for file in files] == ["00000.parquet", "00001.parquet", "00002.parquet"]
        for file in files:
            assert pq.read_schema(file).equals(schema, check_metadata=False), file
    assert sorted(path.name for path in tables.iterdir()) == ["corpus.json", "dense", "labels", "videos"]
    assert sorted(path.name for path in (tables / "dense").iterdir()) == ["canary", *VIEWS]


def test_videos_are_unique_in_order_of_publication_and_without_media(tables):
    videos = read_table(tables / "videos", VIDEOS).to_pandas()
    assert videos.video_id.tolist() == [f"v{index:07d}" for index in range(3_000)]
    assert videos.published_at.is_monotonic_increasing
    assert videos.published_at.min() >= pd.Timestamp(START)
    assert videos.published_at.max() < pd.Timestamp(START) + pd.Timedelta(days=30)
    assert videos.media_uri.isna().all()
    assert videos.title.str.len().gt(0).all()
    assert videos.overlay_text.notna().all()
    assert 300 < videos.group_id.nunique() <= 500


def test_ids_of_twenty_million_videos_still_sort():
    assert id_digits(4_000) == id_digits(10_000_000) == 7
    assert id_digits(20_000_000) == 8


def test_reviewers_label_a_third_of_the_videos_two_hours_later_or_more(tables):
    labels = read_table(tables / "labels", LABELS).to_pandas()
    videos = read_table(tables / "videos", VIDEOS).to_pandas()
    assert not labels.duplicated(["video_id", "task"]).any()
    assert (labels.source == "simulated reviewer").all()
    delay = labels.merge(videos, on="video_id").eval("labeled_at - published_at").dt.total_seconds() / 3_600
    assert delay.min() >= 2
    assert 21 < delay.mean() < 23
    counts = labels.groupby("task").size() / len(videos)
    assert sorted(counts.index) == sorted(LABEL_TASKS)
    assert counts.between(0.32, 0.38).all()
    shares = {task: rows.label.value_counts(normalize=True) for task, rows in labels.groupby("task")}
    assert 0.04 < shares["harmful_content"]["harmful"] < 0.2
    assert 0.4 < shares["low_quality"]["low_quality"] < 0.6
    assert set(shares["topic"].index) == set(LEXICON)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_four_rows_a_video_of_which_a_few_are_late_corrections(tables, view):
    rows = dense(tables, view)
    assert (rows.groupby("video_id").size() == 4).all()
    assert len(rows) == 12_000
    assert not rows.video_id.is_monotonic_increasing
    videos = read_table(tables / "videos", VIDEOS).to_pandas()
    published = rows.video_id.map(videos.set_index("video_id").published_at)
    assert set((rows.event_timestamp - published).dt.total_seconds() / 3_600) == HOURS[view]
    late = (rows.created_timestamp - rows.event_timestamp).dt.total_seconds()
    assert late.min() >= 300
    corrected = late > 86_400
    assert late[~corrected].max() <= 2_400
    assert 0.02 < corrected.mean() < 0.04
    again = rows[corrected].merge(rows[~corrected], on=["video_id", "event_timestamp"], suffixes=("", "_first"))
    assert len(again) == corrected.sum()
    feature = VIEWS[view][0]
    assert (again[feature] != again[f"{feature}_first"]).mean() > 0.9


def test_values_are_in_range_and_a_few_are_missing(tables):
    engagement, reports, scores = (dense(tables, view) for view in VIEWS)
    for counts in (engagement[["views", "likes", "shares"]], reports):
        numbers = counts.select_dtypes("number")
        assert (numbers.fillna(0) >= 0).all(axis=None)
        assert (numbers.dropna() % 1 == 0).all(axis=None)
    assert (engagement.likes <= engagement.views).all()
    assert (reports.reporters.fillna(0) <= reports.reports).all()
    for share in (engagement.watched_share, scores.safety_score, scores.quality_score):
        assert share.dropna().between(0, 1).all()
        assert 0.02 < share.isna().mean() < 0.04
    assert 0.02 < reports.reporters.isna().mean() < 0.04
    assert (scores.topic_scores.map(len) == 5).all()
    assert scores.topic_scores.map(sum).between(0.999, 1.001).all()


def test_features_and_words_follow_from_what_labels_do(tables):
    labels = read_table(tables / "labels", LABELS).to_pandas().pivot(index="video_id", columns="task", values="label")
    first = [dense(tables, view).groupby("video_id").first()[features] for view, features in VIEWS.items()]
    videos = read_table(tables / "videos", VIDEOS).to_pandas().set_index("video_id")
    rows = labels.join([*first, videos])
    flawed, harmful = rows.groupby("low_quality"), rows.groupby("harmful_content")
    assert flawed.quality_score.mean().diff()["low_quality"] < -0.2
    assert flawed.watched_share.mean().diff()["low_quality"] < -0.1
    assert harmful.reports.mean().diff()["harmless"] < -3
    text = rows.title + " " + rows.overlay_text
    baited = text.str.contains("click|prize|giveaway|subscribe|free")
    assert baited.groupby(rows.low_quality).mean().diff()["low_quality"] > 0.1
    alarming = text.str.contains("blood|weapon|brutal|wound|attack")
    assert alarming.groupby(rows.harmful_content).mean().diff()["harmless"] < -0.1
    cooking = text.map(lambda words: bool(set(words.split()) & set(LEXICON["cooking"])))
    assert cooking[rows.topic == "cooking"].mean() > cooking[rows.topic == "sport"].mean() + 0.3


def test_the_canary_knows_the_label_only_by_what_was_written_after_it(tables):
    kinds = canary_kinds(tables)
    assert 0.45 < kinds["honest"].mean() < 0.55
    assert len(kinds["back-dated"]) > 900
    assert kinds["after"].nunique() == 2


def test_the_same_settings_give_the_same_rows_however_they_are_cut_into_files(tables, tmp_path):
    simulate_tables(tmp_path / "whole", SETTINGS)
    keys = {"videos": ["video_id"], "labels": ["video_id", "task"]}
    keys |= {f"dense/{view}": ["video_id", "event_timestamp", "created_timestamp"] for view in (*VIEWS, "canary")}
    for table, by in keys.items():
        pd.testing.assert_frame_equal(contents(tables, table, by), contents(tmp_path / "whole", table, by))


def test_the_number_of_threads_changes_no_byte_and_the_seed_changes_all(tmp_path, monkeypatch):
    settings = SimulationSettings(videos=130_000, days=10)  # more than one row group, so threads do share the work
    connect = module.connect

    def made(name, threads, settings):
        def threaded(spill):
            connection = connect(spill)
            connection.execute(f"SET threads = {threads}")
            return connection

        monkeypatch.setattr(module, "connect", threaded)
        simulate_tables(tmp_path / name, settings)
        return digests(tmp_path / name)

    one = made("one", 1, settings)
    assert one == made("four", 4, settings)
    other = made("other", 4, settings.model_copy(update={"seed": 1}))
    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())


def test_a_corpus_that_is_there_is_kept_and_a_failed_one_leaves_nothing(tables, tmp_path):
    before = digests(tables)
    with pytest.raises(CorpusError, match="is there already"):
        simulate_tables(tables, SETTINGS)
    assert digests(tables) == before

    def interrupted(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_tables(tmp_path / "new", SETTINGS, progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_videos(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "VIDEOS_A_FILE", 40)
    reported = []
    simulate_tables(tmp_path / "it's a corpus", SimulationSettings(videos=100, days=10), progress=reported.append)
    assert reported == [40, 80, 100]


def test_a_window_of_it_has_labelled_rows_of_every_split(tables, task):
    end = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=30)
    catalogue = select_window(
        tables, "low_quality", ("good_quality", "low_quality"), START, end, task.window, folds=2, seed=0
    )
    assert len(catalogue) == 3_000
    counts = catalogue[catalogue.label.notna()].groupby("split").size()
    assert all(counts[split] > 50 for split in LABELLED)
    assert catalogue.media_uri.isna().all()


def test_the_command_makes_it_and_says_how_it_was_made(tmp_path):
    arguments = ["corpus", "simulate", "--tables-only", "--videos", "300", "--workspace", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    (made,) = tmp_path.rglob("corpus.json")
    manifest = read_manifest(made.parent)
    assert manifest.simulated
    assert manifest.made_by == "cpfd corpus simulate --videos 300 --days 100 --seed 0 --tables-only"
    assert manifest.made_by in done.output
    assert len(read_table(made.parent / "videos", VIDEOS)) == 300
    assert not (made.parent / "media").exists()
