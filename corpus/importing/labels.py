"""Labels as users bring them, and what of them no run will count."""

from datetime import timedelta
from pathlib import Path

import pandas as pd

from corpus.contract import CorpusError, day_after
from corpus.importing.dating import made_up_label_times, moment_of, times_of
from corpus.importing.mapping import LabelColumns, Mapping
from corpus.importing.sources import column_of, ids_of, of_videos, read_source

NAMED = 20  # values of a column that a message names: enough to see a slip, and it stays readable


def labels_of(
    raw: pd.DataFrame, videos: pd.DataFrame, columns: LabelColumns, mapping: Mapping, source: Path
) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the table of labels, of videos of the corpus alone; and sentences on what is left out."""
    frame = raw if columns.table is None else read_source(source / columns.table)
    name = str(columns.table or mapping.table)
    ids = ids_of(frame, columns.video_id or mapping.videos.video_id, name)
    label = _renamed(column_of(frame, columns.label, name), columns.rename, f"{name}.{columns.label}")
    rows = pd.DataFrame(
        {
            "video_id": ids,
            "task": columns.task,
            "label": label,
            "labeled_at": _made(frame, ids, videos, columns, mapping, name),
            "source": name,
        }
    )
    given = label.notna()
    if columns.classes is not None:
        given &= _of_classes(label, columns.classes, f"{name}.{columns.label}")
    what = f"labels of {columns.task} in {name}"
    known, left_out = of_videos(ids[given], videos, what)
    timed = rows.labeled_at[known].notna()
    if not timed.all():
        left_out.append(f"{int((~timed).sum())} of {int(given.sum())} {what} have no time and are left out")
    return rows.loc[known[timed]].astype({"label": str}), left_out


def uncounted(labels: pd.DataFrame, videos: pd.DataFrame) -> list[str]:
    """A sentence for each kind of labels that a run over the whole corpus would not learn from, with their number."""
    newest = videos.published_at.max()
    found: list[str] = []
    if pd.isna(newest):
        return found
    published = labels.video_id.map(videos.drop_duplicates("video_id").set_index("video_id").published_at)
    end = day_after(newest.floor("us").to_pydatetime())
    for task, rows in labels.groupby("task", sort=False):
        early = int((rows.labeled_at < published[rows.index]).sum())
        late = int((rows.labeled_at >= pd.Timestamp(end)).sum())
        if early:
            found.append(
                f"{early} of {len(rows)} labels of {task} were made before their video was published: "
                "no dense value is known by then"
            )
        if late:
            found.append(
                f"{late} of {len(rows)} labels of {task} were made at {end:%Y-%m-%d} or later, where a window ends by "
                "default (the day after the newest video): a run counts them only with a later --end"
            )
    return found


def _made(
    frame: pd.DataFrame, ids: pd.Series, videos: pd.DataFrame, columns: LabelColumns, mapping: Mapping, name: str
) -> pd.Series:
    if columns.labeled_on is not None:
        moment = moment_of(columns.labeled_on, mapping, f"labels.labeled_on of {columns.task}")
        return pd.Series(moment, index=ids.index)
    if columns.labeled_at is None:
        return made_up_label_times(ids, videos, mapping, f"the labels of {columns.task}")
    times = times_of(column_of(frame, columns.labeled_at, name), mapping, f"{name}.{columns.labeled_at}")
    return times + timedelta(hours=columns.delay_hours)


def _renamed(label: pd.Series, rename: dict[str | bool | int, str], name: str) -> pd.Series:
    if not rename:
        return label
    classes = {str(written): meant for written, meant in rename.items()}
    _require_written(label, tuple(classes), name, "labels.rename")
    written = label.astype(str)
    return written.map(classes).fillna(written).where(label.notna(), None)


def _of_classes(label: pd.Series, classes: tuple[str, ...], name: str) -> pd.Series:
    _require_written(label, classes, name, "labels.classes")
    return label.astype(str).isin(classes)


def _require_written(label: pd.Series, values: tuple[str, ...], name: str, key: str) -> None:
    written = label.astype(str)
    absent = [each for each in values if not (written == each).any()]
    if absent:
        found = ", ".join(written[label.notna()].value_counts().head(NAMED).index)
        raise CorpusError(f"{name} never says {', '.join(absent)} ({key}): it says {found}")
