"""The shipped mappings over the real data they are for, where that is at hand."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.real_data.preparing import PREPARATIONS, prepare
from corpus.contract import DENSE_KEYS, LABELS, VIDEOS, day_after, read_manifest, read_table
from corpus.importing.importer import Imported, import_corpus
from corpus.importing.mapping import read_mapping
from corpus.window import select_window, window_start
from pipelines.task import load_task

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
EXAMPLE_OF = {
    "fight": "fight_clips",
    "top_caption": "caption_votes",
    "trending_category": "yt_trending",
    "violating": "kuaimod",
}


def test_every_example_is_of_a_task():
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(EXAMPLE_OF.values())


@pytest.mark.parametrize("name", EXAMPLE_OF)
def test_an_example_has_the_dense_tables_and_labels_of_its_task(name):
    example, task = read_mapping(EXAMPLES / f"{EXAMPLE_OF[name]}.yaml"), load_task(name)
    assert set(example.dense) == set(task.features)
    assert example.labels[0].task == task.labels
    assert task.corpus == EXAMPLE_OF[name]
    assert all(table.description and table.owner for table in example.dense.values())


def import_example(name: str, target: Path) -> Imported:
    source = DATA / name
    if not source.is_dir():
        pytest.skip(f"the data is not at {source}")
    if name in PREPARATIONS:
        prepare(name, source, target.with_suffix(".prepared"), 0)
        source = target.with_suffix(".prepared")
    return import_corpus(read_mapping(EXAMPLES / f"{name}.yaml"), source, target)


def test_real_clips_with_real_motion_features(tmp_path):
    corpus = tmp_path / "fight_clips"
    imported = import_example("fight_clips", corpus)
    assert imported == Imported({"videos": 300, "labels": 300, "dense motion": 300}, [])
    videos = read_table(corpus / "videos", VIDEOS).to_pandas()
    assert all(Path(uri).is_file() for uri in videos.media_uri)
    assert videos.group_id.nunique() == 44
    end = day_after(videos.published_at.max().to_pydatetime())
    task = load_task("fight")
    rows = select_window(corpus, task.labels, task.classes, window_start(end, 3), end, task.window, 2, 0)
    assert rows.label.notna().sum() == 300


def test_real_titles_and_tags_with_real_engagement(tmp_path):
    target = tmp_path / "yt_trending"
    assert import_example("yt_trending", target).rows == {"videos": 8843, "labels": 8682, "dense chart": 42909}
    videos = read_table(target / "videos", VIDEOS).to_pandas()
    assert videos.media_uri.isna().all()
    assert videos.published_at.min() == pd.Timestamp("2025-11-05 05:02:37", tz="UTC")
    labels = read_table(target / "labels", LABELS).to_pandas().set_index("video_id")
    assert set(labels.label) == {"Entertainment", "Film & Animation", "Gaming", "Music", "People & Blogs"}
    assert (labels.labeled_at > videos.set_index("video_id").published_at.reindex(labels.index)).all()
    chart = pd.read_parquet(target / "dense" / "chart")
    features = read_manifest(target).dense["chart"].features
    assert [*DENSE_KEYS.names, *features] == chart.columns.tolist()
    for name, feature in features.items():
        assert feature.minimum is None or chart[name].min() >= feature.minimum
    known = chart[chart.event_timestamp < chart.video_id.map(labels.labeled_at)]
    assert known.video_id.nunique() == len(labels)  # every label has an observation from before it


def test_real_captions_with_labels_of_six_votes_and_of_all(tmp_path):
    target = tmp_path / "caption_votes"
    imported = import_example("caption_votes", target)
    assert imported == Imported({"videos": 38_191, "labels": 76_382, "dense votes": 38_191}, [])
    labels = read_table(target / "labels", LABELS).to_pandas().pivot(index="video_id", columns="task", values="label")
    assert (labels == "top").mean().to_numpy() == pytest.approx(0.25, abs=0.001)
    assert (labels.top_caption == labels.top_caption_all_votes).mean() == pytest.approx(0.75, abs=0.01)
    in_range(target, "votes")


def test_real_moderated_videos_with_a_score_of_their_speech(tmp_path):
    target = tmp_path / "kuaimod"
    imported = import_example("kuaimod", target)
    assert imported == Imported({"videos": 1_000, "labels": 1_000, "dense speech": 1_000}, [])
    videos = read_table(target / "videos", VIDEOS).to_pandas()
    assert ((videos.title == "").sum(), (videos.overlay_text == "").sum()) == (85, 136)
    assert (read_table(target / "labels", LABELS).to_pandas().label == "violating").sum() == 422
    assert in_range(target, "speech").violation_score.isna().sum() == 591


def in_range(corpus: Path, table: str) -> pd.DataFrame:
    """The rows of a dense table, each feature within what is declared of it."""
    rows = pd.read_parquet(corpus / "dense" / table)
    features = read_manifest(corpus).dense[table].features
    assert [*DENSE_KEYS.names, *features] == rows.columns.tolist()
    for name, feature in features.items():
        assert feature.minimum is None or rows[name].min() >= feature.minimum
        assert feature.maximum is None or rows[name].max() <= feature.maximum
    return rows
