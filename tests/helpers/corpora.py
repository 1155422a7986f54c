"""What tests of several simulations ask of a corpus."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.contract import DENSE_KEYS, LABELS, VIDEOS, read_table


def canary_kinds(corpus: Path) -> dict[str, pd.Series]:
    """The canary's values by kind of row, after every row's times and every leaked value are found to be as planned."""
    schema = pq.read_schema(next((corpus / "dense" / "canary").glob("*.parquet")))
    assert schema.remove_metadata() == pa.schema([*DENSE_KEYS, ("canary", pa.float32())])
    rows = read_table(corpus / "dense" / "canary", schema.remove_metadata()).to_pandas()
    videos = read_table(corpus / "videos", VIDEOS).to_pandas().drop_duplicates("video_id")
    labels = read_table(corpus / "labels", LABELS).to_pandas()
    labels = labels[labels.task == "low_quality"]
    rows = rows.merge(videos[["video_id", "published_at"]], on="video_id")
    rows = rows.merge(labels[["video_id", "label", "labeled_at"]], on="video_id", how="left")
    minutes = (rows.event_timestamp - rows.published_at).dt.total_seconds() / 60
    kind = minutes.map({60.0: "honest", 90.0: "back-dated"}).fillna("after")
    value = (rows.label == "low_quality").astype("float32")
    hour, ten_minutes = pd.Timedelta(hours=1), pd.Timedelta(minutes=10)
    honest, backdated, after = (rows[kind == name] for name in ("honest", "back-dated", "after"))
    assert set(honest.video_id) == set(videos.video_id)
    assert (honest.created_timestamp == honest.event_timestamp + ten_minutes).all()
    assert honest.canary.isin([0.0, 1.0]).all()
    assert (backdated.event_timestamp < backdated.labeled_at).all()
    assert (backdated.created_timestamp == backdated.labeled_at + pd.Timedelta(days=1)).all()
    assert (after.event_timestamp == after.labeled_at + hour).all()
    assert (after.created_timestamp == after.event_timestamp + ten_minutes).all()
    for leaked in (backdated, after):
        assert sorted(leaked.video_id) == sorted(labels.video_id)
        assert (leaked.canary == value[leaked.index]).all()
    return {"honest": honest.canary, "back-dated": backdated.canary, "after": after.canary}
