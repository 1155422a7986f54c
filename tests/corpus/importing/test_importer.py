"""Your own table, media and dense tables become a corpus; what is missing is named."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml

from corpus.contract import LABELS, VIDEOS, CorpusError, read_manifest, read_table
from corpus.importing.importer import import_corpus
from corpus.importing.mapping import read_mapping
from feature_repo.services import TASK_VIEWS
from feature_repo.views import feature_views

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
LABEL = MAPPING["labels"][0]


@pytest.fixture
def source(tmp_path):
    (tmp_path / "clips").mkdir()
    pd.DataFrame(
        {
            "id": [1, 2, 3],
            "file": ["a.mp4", "b.mp4", "c.mp4"],
            "caption": ["x", None, "z"],
            "channel": ["p", "p", "q"],
            "seconds": [10, None, 180],
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


def test_videos_that_are_not_stored_have_no_media(source, tmp_path):
    columns = {key: value for key, value in MAPPING["videos"].items() if key != "media"}
    without = {key: value for key, value in MAPPING.items() if key != "media"} | {"videos": columns}
    (source / "without.yaml").write_text(yaml.safe_dump(without))
    import_corpus(read_mapping(source / "without.yaml"), source, tmp_path / "without")
    assert read_table(tmp_path / "without" / "videos", VIDEOS)["media_uri"].null_count == 3
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["file"] = ["a.mp4", None, "s3://bucket/c.mp4"]
    table.to_csv(source / "table.csv", index=False)
    import_corpus(mapping(source), source, tmp_path / "some")
    found = read_table(tmp_path / "some" / "videos", VIDEOS)["media_uri"].to_pylist()
    assert found == [str(source / "clips" / "a.mp4"), None, "s3://bucket/c.mp4"]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"channel": {"prefix": "p"}}, ["1", "2"]),
        ({"seconds": {"at_most": 180}}, ["1", "3"]),
        ({"seconds": {"at_least": 11}}, ["3"]),
        ({"seconds": {"at_least": 10, "at_most": 100}, "channel": {"one_of": ["p", "z"]}}, ["1"]),
        ({"id": {"one_of": [2, 3]}}, ["2", "3"]),
        ({"caption": {"prefix": ""}}, ["1", "3"]),  # a missing value meets nothing
    ],
)
def test_where_chooses_rows_with_their_labels_and_features(source, tmp_path, where, kept):
    pd.DataFrame({"id": [1, 2, 3], "v": ["a"] * 3, "at": ["2026-01-05 00:00"] * 3}).to_csv(
        source / "labels.csv", index=False
    )
    labels = {"task": "t", "label": "v", "table": "labels.csv", "video_id": "id", "labeled_at": "at"}
    import_corpus(mapping(source, where=where, labels=[labels]), source, tmp_path / "corpus")
    assert read_table(tmp_path / "corpus" / "videos", VIDEOS)["video_id"].to_pylist() == kept
    assert sorted(read_table(tmp_path / "corpus" / "labels", LABELS)["video_id"].to_pylist()) == kept
    dense = pd.read_parquet(tmp_path / "corpus" / "dense" / "motion")
    assert set(dense.video_id) == {"1", "2"} & set(kept)


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


def test_counts_beyond_what_float32_holds_exactly_are_rounded(source, tmp_path):
    pd.DataFrame({"id": [1], "seen": ["2026-01-02 00:00"], "m": [66_962_901]}).to_csv(
        source / "motion.csv", index=False
    )
    import_corpus(mapping(source), source, tmp_path / "corpus")
    assert pd.read_parquet(tmp_path / "corpus" / "dense" / "motion")["mean"][0] == 66_962_900


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
        ({"media": None}, "belong together"),
        ({"labels": [{**LABEL, "classes": ["yes", "maybe"]}]}, r"verdict never says maybe .*it says yes, no"),
        ({"labels": [{"task": "t", "label": "verdict", "delay_hours": 3}]}, "name its column in labeled_at"),
        ({"where": {"nope": {"prefix": "x"}}}, "table.csv has no column nope"),
        ({"where": {"channel": {}}}, "where.channel: .*at least one of prefix"),
        ({"where": {"channel": {"like": "x"}}}, "where.channel.like: Extra inputs"),
        ({"where": {"seconds": {"at_most": "short"}}}, "where.seconds.at_most: Input should be a valid number"),
        ({"where": {"channel": {"at_most": 3}}}, r"table.csv.channel holds 'p': at_least and at_most .* numbers"),
        ({"where": {"channel": {"one_of": ["z"]}}}, r"no row of table.csv meets 'where' \(channel\)"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(source, tmp_path, changes, sentence):
    with pytest.raises(CorpusError, match=sentence):
        import_corpus(mapping(source, **changes), source, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
EXAMPLE_OF = {"fight": "fight_clips", "trending_category": "yt_trending"}


@pytest.mark.parametrize("task", EXAMPLE_OF)
def test_an_example_names_the_views_and_labels_of_its_task(task):
    example = read_mapping(EXAMPLES / f"{EXAMPLE_OF[task]}.yaml")
    assert set(example.dense) == set(TASK_VIEWS[task])
    assert [each.task for each in example.labels] == [task]


def import_example(name: str, target: Path) -> dict[str, int]:
    if not (DATA / name).is_dir():
        pytest.skip(f"the data is not at {DATA / name}")
    return import_corpus(read_mapping(EXAMPLES / f"{name}.yaml"), DATA / name, target)


def test_real_clips_with_real_motion_features(tmp_path):
    counts = import_example("fight_clips", tmp_path / "fight_clips")
    assert counts == {"videos": 300, "labels": 300, "dense motion": 300}
    videos = read_table(tmp_path / "fight_clips" / "videos", VIDEOS).to_pandas()
    assert all(Path(uri).is_file() for uri in videos.media_uri)
    assert videos.group_id.nunique() == 44


def test_real_titles_and_tags_with_real_engagement(tmp_path):
    target = tmp_path / "yt_trending"
    assert import_example("yt_trending", target) == {"videos": 8843, "labels": 8682, "dense chart": 42909}
    videos = read_table(target / "videos", VIDEOS).to_pandas()
    assert videos.media_uri.isna().all()
    assert videos.published_at.min() == pd.Timestamp("2025-11-05 05:02:37", tz="UTC")
    labels = read_table(target / "labels", LABELS).to_pandas().set_index("video_id")
    assert set(labels.label) == {"Entertainment", "Film & Animation", "Gaming", "Music", "People & Blogs"}
    assert (labels.labeled_at > videos.set_index("video_id").published_at.reindex(labels.index)).all()
    chart = pd.read_parquet(target / "dense" / "chart")
    (view,) = [view for name, view in feature_views("x").items() if name == "chart"]
    assert {field.name for field in view.schema} <= set(chart.columns)
    known = chart[chart.event_timestamp < chart.video_id.map(labels.labeled_at)]
    assert known.video_id.nunique() == len(labels)  # every label has an observation from before it
