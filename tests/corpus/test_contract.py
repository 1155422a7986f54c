"""The contract is held, and what breaks it is named."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from common.dense_table import DenseTable, Feature
from corpus.contract import (
    DENSE_KEYS,
    VIDEOS,
    CorpusError,
    Manifest,
    new_corpus,
    read_manifest,
    read_table,
    snapshot_id,
)

MANIFEST = Manifest(name="x", simulated=True, made_by="a test", description="", dense={})


def write(folder: Path, **columns: object) -> Path:
    """A videos table of two rows, with columns replaced or (None) left out."""
    times = pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True)
    whole = {"video_id": ["a", "b"], "published_at": times, "title": ["x", "y"], "overlay_text": ["", ""]}
    whole |= {"group_id": [None, "g"], "media_uri": ["a.mp4", "b.mp4"], **columns}
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({name: values for name, values in whole.items() if values is not None})
    pq.write_table(pa.Table.from_pandas(frame), folder / "2026-01-01.parquet")
    return folder


def test_a_table_comes_in_the_contracts_types(tmp_path):
    table = read_table(write(tmp_path / "videos"), VIDEOS)
    assert table.schema.equals(VIDEOS)
    assert table["group_id"].to_pylist() == [None, "g"]


def test_only_the_rows_asked_for_are_kept_and_columns_are_judged_all_the_same(tmp_path):
    folder = write(tmp_path / "videos")
    assert read_table(folder, VIDEOS, pc.field("title") == "y")["video_id"].to_pylist() == ["b"]
    with pytest.raises(CorpusError, match="has no column title"):
        read_table(write(folder, title=None), VIDEOS, pc.field("video_id") == "c")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"title": None}, "has no column title"),
        ({"published_at": pd.to_datetime(["2026-01-01", "2026-01-02"])}, "published_at has no time zone"),
        ({"published_at": ["yesterday", "today"]}, "published_at has no time zone"),
        ({"title": [b"\xff", b"\xfe"]}, "title cannot be read as string"),
    ],
)
def test_what_breaks_the_contract_is_named(tmp_path, columns, sentence):
    with pytest.raises(CorpusError, match=sentence):
        read_table(write(tmp_path / "videos", **columns), VIDEOS)


def test_a_truncated_table_and_a_missing_one_are_named(tmp_path):
    folder = write(tmp_path / "videos")
    file = folder / "2026-01-01.parquet"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CorpusError, match=r"2026-01-01.parquet is not a whole Parquet file"):
        read_table(folder, VIDEOS)
    with pytest.raises(CorpusError, match="no table labels"):
        read_table(tmp_path / "labels", VIDEOS)


def test_a_corpus_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "corpus"
    with pytest.raises(KeyboardInterrupt), new_corpus(target, MANIFEST, replace=False) as folder:
        write(folder / "videos")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with pytest.raises(CorpusError, match="cpfd corpus simulate"):
        read_manifest(target)


def test_a_corpus_that_is_there_survives_a_failed_replacement(tmp_path):
    target = tmp_path / "corpus"
    with new_corpus(target, MANIFEST, replace=False) as folder:
        write(folder / "videos")
    with pytest.raises(CorpusError, match="is there already"), new_corpus(target, MANIFEST, replace=False):
        pass
    before = snapshot_id(target)
    (tmp_path / "precious").mkdir()
    with pytest.raises(CorpusError, match="is not a corpus"), new_corpus(tmp_path / "precious", MANIFEST, replace=True):
        pass
    with pytest.raises(RuntimeError), new_corpus(target, MANIFEST, replace=True) as folder:
        write(folder / "videos", title=["other", "titles"])
        raise RuntimeError
    assert snapshot_id(target) == before


def test_the_snapshot_sees_every_change_of_a_table(corpus):
    before = snapshot_id(corpus)
    assert before == snapshot_id(corpus)
    extra = corpus / "dense" / "reports" / "9999-01-01.parquet"
    pq.write_table(pa.table({"video_id": ["x"]}), extra)
    try:
        assert snapshot_id(corpus) != before
    finally:
        extra.unlink()


def test_a_corpus_declares_its_dense_tables_and_reads_back_as_it_was(tmp_path):
    seen = DenseTable(owner="somebody", features={"n": Feature(minimum=0), "v": Feature(type="vector", maximum=1.5)})
    manifest = MANIFEST.model_copy(update={"dense": {"seen": seen}})
    with new_corpus(tmp_path / "corpus", manifest, replace=False):
        pass
    assert read_manifest(tmp_path / "corpus") == manifest


def test_the_declarations_of_a_simulated_corpus_are_of_its_tables(corpus):
    declared = read_manifest(corpus).dense
    assert set(declared) == {path.name for path in (corpus / "dense").iterdir()}
    for name, table in declared.items():
        schema = pq.read_schema(next((corpus / "dense" / name).glob("*.parquet")))
        assert schema.names == [*DENSE_KEYS.names, *table.features]
        kinds = {"number": pa.float32(), "vector": pa.list_(pa.float32())}
        for feature, kind in table.features.items():
            assert schema.field(feature).type == kinds[kind.type]
        assert table.owner
        assert table.description


def test_a_corpus_of_an_older_version_is_to_be_made_again(tmp_path):
    with new_corpus(tmp_path / "corpus", MANIFEST, replace=False):
        pass
    path = tmp_path / "corpus" / "corpus.json"
    older = json.loads(path.read_text())
    del older["dense"]
    path.write_text(json.dumps(older))
    with pytest.raises(CorpusError, match="does not declare the corpus's dense tables.*make the corpus again"):
        read_manifest(tmp_path / "corpus")
    path.write_text('{"name": 3}')
    with pytest.raises(CorpusError, match="is not a corpus's description"):
        read_manifest(tmp_path / "corpus")


def test_of_times_in_nanoseconds_the_microseconds_count(tmp_path):
    times = pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True).astype("datetime64[ns, UTC]") + pd.Timedelta(
        1_999, "ns"
    )
    found = read_table(write(tmp_path / "videos", published_at=times), VIDEOS)["published_at"].to_pandas()
    assert (found == times.floor("us")).all()
