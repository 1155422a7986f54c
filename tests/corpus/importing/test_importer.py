"""Your own table, media and dense tables become a corpus; what is missing is named."""

import pandas as pd
import pytest
import yaml
from mappings import LABEL, MAPPING, MOTION, mapping

from common.dense_table import DenseTable, Feature
from corpus.contract import LABELS, VIDEOS, CorpusError, read_manifest, read_table
from corpus.importing.importer import import_corpus
from corpus.importing.mapping import read_mapping


def test_tables_come_in_the_contracts_form(source, tmp_path):
    imported = import_corpus(mapping(source), source, tmp_path / "corpus")
    assert imported.rows == {"videos": 3, "labels": 2, "dense motion": 2}
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
    "times",
    [
        ["2026-01-01T00:30:00Z", "2026-01-02T00:00:00.000000Z", "2026-01-03T00:00:00.000000001Z"],
        ["2026-01-01T01:30+01:00", "2026-01-02T00:00:00+00:00", "2026-01-02T19:00:00.000000-05:00"],
    ],
)
def test_times_of_one_column_may_be_written_with_and_without_fractions_and_zones_of_their_own(source, tmp_path, times):
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["when"] = times
    table.to_csv(source / "table.csv", index=False)
    import_corpus(mapping(source), source, tmp_path / "corpus")
    found = read_table(tmp_path / "corpus" / "videos", VIDEOS).to_pandas().set_index("video_id").published_at
    expected = ["2026-01-01 00:30", "2026-01-02 00:00", "2026-01-03 00:00"]
    assert found.loc[["1", "2", "3"]].tolist() == [pd.Timestamp(each, tz="UTC") for each in expected]


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


def test_counts_beyond_what_float32_holds_exactly_are_rounded(source, tmp_path):
    pd.DataFrame({"id": [1], "seen": ["2026-01-02 00:00"], "m": [66_962_901]}).to_csv(
        source / "motion.csv", index=False
    )
    import_corpus(mapping(source), source, tmp_path / "corpus")
    assert pd.read_parquet(tmp_path / "corpus" / "dense" / "motion")["mean"][0] == 66_962_900


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
        ({"colour": "red"}, r"mapping.yaml, line \d+: colour: unknown key"),
        ({"media": None}, "belong together"),
        ({"labels": [{**LABEL, "classes": ["yes", "maybe"]}]}, r"verdict never says maybe .*it says yes, no"),
        ({"labels": [{"task": "t", "label": "verdict", "delay_hours": 3}]}, "name its column in labeled_at"),
        ({"where": {"nope": {"prefix": "x"}}}, "table.csv has no column nope"),
        ({"where": {"channel": {}}}, "where.channel: .*at least one of prefix"),
        ({"where": {"channel": {"like": "x"}}}, "where.channel.like: unknown key"),
        ({"where": {"seconds": {"at_most": "short"}}}, "where.seconds.at_most: Input should be a valid number"),
        ({"where": {"channel": {"at_most": 3}}}, r"table.csv.channel holds 'p': at_least and at_most .* numbers"),
        ({"where": {"channel": {"one_of": ["z"]}}}, r"no row of table.csv meets 'where' \(channel\)"),
        ({"labels": [{**LABEL, "rename": {"maybe": "no"}}]}, r"never says maybe \(labels.rename\): it says yes, no"),
        ({"labels": [{**LABEL, "labeled_on": "2026-01-05"}]}, "exclude each other: give one"),
        (
            {"dense": {"motion": {**MOTION, "ranges": {"m": {"minimum": 0}}}}},
            r"has no feature m \(dense.motion.ranges\)",
        ),
        ({"dense": {"motion": {**MOTION, "ranges": {"mean": {"minimum": 1, "maximum": 0}}}}}, "not be above maximum"),
        ({"dense": {"motion": {**MOTION, "features": {}}}}, "motion.csv has no feature: it has id, seen, m"),
        ({"dense": {"motion": {**MOTION, "features": {"m": "video_id"}}}}, "video_id is no name for a feature"),
        ({"dense": {"../motion": MOTION}}, "dense.*should match pattern"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(source, tmp_path, changes, sentence):
    with pytest.raises(CorpusError, match=sentence):
        import_corpus(mapping(source, **changes), source, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_the_corpus_declares_its_dense_tables(source, tmp_path):
    pd.DataFrame(
        {"id": ["1", "2"], "seen": ["2026-01-02 00:00"] * 2, "m": [0.5, 2], "v": [[1.0, 2.0], None]}
    ).to_parquet(source / "motion.parquet")
    motion = {**MOTION, "table": "motion.parquet", "description": "What moves", "owner": "vision",
              "features": "all", "ranges": {"v": {"minimum": 0, "maximum": 2.5}}}  # fmt: skip
    import_corpus(mapping(source, dense={"motion": motion}), source, tmp_path / "corpus")
    vector = Feature(type="vector", minimum=0, maximum=2.5)
    assert read_manifest(tmp_path / "corpus").dense == {
        "motion": DenseTable(description="What moves", owner="vision", features={"m": Feature(), "v": vector})
    }


def test_columns_chosen_by_a_list_keep_their_names_and_its_order(source, tmp_path):
    pd.DataFrame({"id": [1], "seen": ["2026-01-02 00:00"], "a": [1], "b": [2], "c": ["text"]}).to_csv(
        source / "motion.csv", index=False
    )
    import_corpus(mapping(source, dense={"motion": {**MOTION, "features": ["b", "a"]}}), source, tmp_path / "corpus")
    assert list(read_manifest(tmp_path / "corpus").dense["motion"].features) == ["b", "a"]
    assert pd.read_parquet(tmp_path / "corpus" / "dense" / "motion").columns.tolist()[3:] == ["b", "a"]


def test_of_times_with_nanoseconds_the_microseconds_count(source, tmp_path):
    table = pd.read_csv(source / "table.csv", dtype=str)
    table["when"] = pd.to_datetime(table.when, utc=True).astype("datetime64[ns, UTC]") + pd.Timedelta(1_999, "ns")
    table.to_parquet(source / "table.parquet")
    import_corpus(mapping(source, table="table.parquet"), source, tmp_path / "corpus")
    published = read_table(tmp_path / "corpus" / "videos", VIDEOS).to_pandas().published_at
    assert published[0] == pd.Timestamp("2026-01-01 00:30:00.000001", tz="UTC")
