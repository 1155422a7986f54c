"""The shipped mappings over the real data they are for, where that is at hand."""

from pathlib import Path

import pandas as pd
import pytest

from corpus.contract import DENSE_KEYS, LABELS, VIDEOS, day_after, read_manifest, read_table
from corpus.importing.importer import Imported, import_corpus
from corpus.importing.mapping import read_mapping
from corpus.window import select_window, window_start
from pipelines.task import load_task

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
EXAMPLE_OF = {"fight": "fight_clips", "trending_category": "yt_trending"}


@pytest.mark.parametrize("name", EXAMPLE_OF)
def test_an_example_has_the_dense_tables_and_labels_of_its_task(name):
    example, task = read_mapping(EXAMPLES / f"{EXAMPLE_OF[name]}.yaml"), load_task(name)
    assert set(example.dense) == set(task.features)
    assert [each.task for each in example.labels] == [task.labels]
    assert all(table.description and table.owner for table in example.dense.values())


def import_example(name: str, target: Path) -> Imported:
    if not (DATA / name).is_dir():
        pytest.skip(f"the data is not at {DATA / name}")
    return import_corpus(read_mapping(EXAMPLES / f"{name}.yaml"), DATA / name, target)


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
