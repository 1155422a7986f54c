"""The contract is held, and what breaks it is named."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from corpus.contract import VIDEOS, CorpusError, Manifest, new_corpus, read_manifest, read_table, snapshot_id

MANIFEST = Manifest(name="x", simulated=True, made_by="a test", description="")


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
