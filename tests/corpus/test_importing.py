"""Your own table, media and dense tables become a corpus; what is missing is named."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml

from corpus.contract import LABELS, VIDEOS, CorpusError, read_manifest, read_table
from corpus.importing import import_corpus, read_mapping
from feature_repo.services import TASK_VIEWS

MAPPING = {
    "description": "Three videos.",
    "table": "table.csv",
    "media": "clips",
    "videos": {"video_id": "id", "media": "file", "title": "caption", "group": "channel", "published_at": "when"},
    "labels": [{"task": "t", "label": "verdict", "labeled_at": "reviewed"}],
    "dense": {
        "motion": {"table": "motion.csv", "video_id": "id", "event_timestamp": "seen", "features": {"m": "mean"}}
    },
    "timezone": "Europe/Berlin",
}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "clips").mkdir()
    pd.DataFrame(
        {
            "id": [1, 2, 3],
            "file": ["a.mp4", "b.mp4", "c.mp4"],
            "caption": ["x", None, "z"],
            "channel": ["p", "p", "q"],
            "when": ["2026-01-01 00:30", "2026-01-02 00:00", "2026-01-03 00:00"],
            "verdict": ["yes", "no", None],
            "reviewed": ["2026-01-05 00:00"] * 3,
        }
    ).to_csv(tmp_path / "table.csv", index=False)
    pd.DataFrame({"id": [1, 2, 9], "seen": ["2026-01-02 00:00"] * 3, "m": [0.5, None, 1]}).to_csv(
        tmp_path / "motion.csv", index=False
    )
    return tmp_path


def mapping(source, **changes):
    path = source / "mapping.yaml"
    path.write_text(yaml.safe_dump({**MAPPING, **changes}))
    return read_mapping(path)


def test_tables_come_in_the_contracts_form(source, tmp_path):
    counts = import_corpus(mapping(source), source, tmp_path / "corpus")
    assert counts == {"videos": 3, "labels": 2, "dense motion": 2}
    videos = read_table(tmp_path / "corpus" / "videos", VIDEOS).to_pandas()
    assert videos.published_at[0] == pd.Timestamp("2025-12-31 23:30", tz="UTC")  # Berlin is an hour ahead
    assert videos.title.tolist() == ["x", "", "z"]
    assert videos.media_uri[0] == str(source / "clips" / "a.mp4")
    assert not read_manifest(tmp_path / "corpus").simulated
    labels = read_table(tmp_path / "corpus" / "labels", LABELS).to_pandas()
    assert labels.label.tolist() == ["yes", "no"]


def test_ids_texts_and_labels_stay_as_they_are_written(source, tmp_path):
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["id"], table["caption"], table["verdict"] = ["007", "1e5", "NA"], ["NA", "null", "3"], ["1", "0", None]
    table["when"] = ["2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "2026-04-02T00:00:00Z"]
    table.to_csv(source / "table.csv", index=False)
    import_corpus(mapping(source, dense={}), source, tmp_path / "corpus")
    videos = read_table(tmp_path / "corpus" / "videos", VIDEOS).to_pandas()
    assert videos.video_id.tolist() == ["007", "1e5", "NA"]
    assert videos.title.tolist() == ["NA", "null", "3"]
    assert videos.published_at[1] == pd.Timestamp("2026-03-31 22:00", tz="UTC")
    labels = read_table(tmp_path / "corpus" / "labels", LABELS).to_pandas()
    assert sorted(labels.label) == ["0", "1"]
    table["id"] = [None, "b", "c"]
    table.to_csv(source / "table.csv", index=False)
    with pytest.raises(CorpusError, match=r"table.csv.id: 1 of 3 rows have no id"):
        import_corpus(mapping(source, dense={}), source, tmp_path / "other")


def test_made_up_times_keep_groups_together_and_are_told(source, tmp_path):
    days = {"first": datetime(2026, 3, 1, tzinfo=UTC), "days": 10}
    videos = {key: value for key, value in MAPPING["videos"].items() if key != "published_at"}
    labels = [{"task": "t", "label": "verdict"}]
    import_corpus(mapping(source, upload_days=days, videos=videos, labels=labels), source, tmp_path / "corpus")
    table = read_table(tmp_path / "corpus" / "videos", VIDEOS).to_pandas()
    assert (table.groupby("group_id").published_at.nunique() == 1).all()
    assert table.published_at.nunique() == 2
    assert "Times are made up" in read_manifest(tmp_path / "corpus").description


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"timezone": "Berlin"}, "Berlin is not a time zone"),
        ({"videos": {**MAPPING["videos"], "published_at": "channel"}}, "cannot be read as times"),
        ({"timezone": None}, "has no time zone: give the mapping a 'timezone'"),
        ({"table": "nowhere.csv"}, "there is no table at"),
        ({"media": "nowhere"}, "there is no media folder at"),
        ({"videos": {**MAPPING["videos"], "title": "nope"}}, "has no column nope"),
        ({"labels": [{"task": "t", "label": "verdict"}]}, "have no time column"),
        ({"colour": "red"}, "colour: Extra inputs"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(source, tmp_path, changes, sentence):
    with pytest.raises(CorpusError, match=sentence):
        import_corpus(mapping(source, **changes), source, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


FIGHT_CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "fight_clips"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fight_clips.yaml"


def test_the_example_names_a_view_and_columns_that_exist():
    assert set(read_mapping(EXAMPLE).dense) <= set(TASK_VIEWS["fight"])


@pytest.mark.skipif(not FIGHT_CLIPS.is_dir(), reason=f"the clips are not at {FIGHT_CLIPS}")
def test_real_clips_with_real_motion_features(tmp_path):
    counts = import_corpus(read_mapping(EXAMPLE), FIGHT_CLIPS, tmp_path / "fight_clips")
    assert counts == {"videos": 300, "labels": 300, "dense motion": 300}
    videos = read_table(tmp_path / "fight_clips" / "videos", VIDEOS).to_pandas()
    assert all(Path(uri).is_file() for uri in videos.media_uri)
    assert videos.group_id.nunique() == 44
