"""The rows behind EVIDENCE.md: each task's corpus, its window as a seed draws it, and its clips."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.evidence_page import Data
from benchmarks.real_data.preparing import PREPARATIONS, prepare
from common.artifacts import EVALUATION
from common.source import ROOT, project_digest
from corpus.contract import LABELS, CorpusError, day_after, newest_publication, read_table
from corpus.importing.importer import import_corpus
from corpus.importing.mapping import read_mapping
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.simulate import simulate
from corpus.validation.media import media_facts
from corpus.validation.raw_window import set_aside_reasons
from corpus.window import select_window, window_start
from feature_repo.retrieval import retrieve_features
from models.data.clips import probe, write_clips
from models.data.run_data import RunData, open_run
from models.studies.study import thin_labels
from pipelines.task import Task, load_task

KEPT = ROOT / "build" / "evidence"


def kept() -> Path:
    """Where all that this code made is kept."""
    return KEPT / project_digest("benchmarks")


def make_corpus(data: Data, real: Path, seed: int) -> Path:
    """The corpus of a task, made once; data that is prepared with a seed makes one a seed."""
    if data.mapping is None or data.source is None:
        corpus = kept() / "corpora" / "simulated"
        if not corpus.exists():
            simulate(corpus, SimulationSettings(videos=2_000))
        return corpus
    prepared = data.source in PREPARATIONS
    name = f"{data.source}-{seed}" if prepared else data.source
    corpus, source = kept() / "corpora" / name, real / data.source
    if not corpus.exists():
        if prepared:
            source = kept() / "prepared" / name
            prepare(data.source, real / data.source, source, seed)
        import_corpus(read_mapping(ROOT / "examples" / data.mapping), source, corpus)
    return corpus


def window_of(data: Data, corpus: Path, seed: int) -> tuple[Task, pd.DataFrame]:
    """The task, and its sound rows as this seed draws them."""
    task, rows = labelled_window(data, corpus, seed)
    return task, thin_labels(rows, data.labels, task.distillation.folds, seed)


def labelled_window(
    data: Data, corpus: Path, seed: int, judged: Sequence[str] = (EVALUATION,)
) -> tuple[Task, pd.DataFrame]:
    """Before labels are thinned out: ``judged`` are the splits whose labels are those that judge."""
    task = load_task(data.task)
    end = day_after(newest_publication(corpus).as_py())
    folds = task.distillation.folds
    rows = select_window(
        corpus, task.labels, task.classes, window_start(end, data.months), end, task.window, folds, seed
    )
    if data.judged_by is not None:
        rows = judged_by(rows, corpus, data.judged_by, end, judged)
    if "frames" in task.modalities:
        rows = rows[rows.video_id.isin(sound_videos(rows, corpus))].drop_duplicates("video_id").reset_index(drop=True)
    return task, rows


def open_window(data: Data, corpus: Path, seed: int, folder: Path) -> tuple[Task, RunData, Path, Path]:
    """The task, its run's data, the catalogue and the privileged artifact; the two files are written to ``folder``."""
    task, rows = window_of(data, corpus, seed)
    catalogue, features = folder / "catalogue.parquet", folder / "privileged"
    rows.to_parquet(catalogue, index=False)
    retrieve_features(corpus, task.task, task.features, catalogue, features, str(folder / "feast" / "registry.db"))
    return task, open_run(catalogue, clips_of(corpus), task.recipe), catalogue, features


def judged_by(
    rows: pd.DataFrame, corpus: Path, labels: str, end: datetime, judged: Sequence[str] = (EVALUATION,)
) -> pd.DataFrame:
    """The catalogue with the corpus's labels of that name on its evaluation rows; all other rows keep their own.

    Only what judges is better than what a user has: thresholds and stopping are chosen by the labels of the task.
    """
    made = read_table(corpus / "labels", LABELS, pc.field("task") == labels).to_pandas()
    made = made[made.labeled_at < end].sort_values("labeled_at", kind="stable")
    known = made.drop_duplicates("video_id", keep="last").set_index("video_id").label
    changed = rows.split.isin(judged)
    judging = rows.label.where(~changed, rows.video_id.map(known))
    if missing := int((judging.isna() & changed).sum()):
        raise CorpusError(f"{missing} {' and '.join(judged)} rows have no label of {labels} to be judged by")
    return rows.assign(label=judging)


def sound_videos(rows: pd.DataFrame, corpus: Path) -> list[str]:
    """Videos that open and are not another's copy, as a run's validation would find them; found once."""
    kept = corpus.with_suffix(".sound.parquet")
    if not kept.exists():
        facts = media_facts(rows, probe, lambda _: None)
        facts.loc[set_aside_reasons(facts).isna(), ["video_id"]].to_parquet(kept, index=False)
    return pq.read_table(kept)["video_id"].to_pylist()


def clips_of(corpus: Path) -> Path:
    return corpus.with_suffix(".clips.arrow")


def make_clips(data: Data, corpus: Path) -> None:
    """Decode the task's videos once for all seeds; what does not decode is left out by every seed."""
    task, rows = window_of(data, corpus, 0)
    if "frames" in task.modalities and not clips_of(corpus).exists():
        write_clips(zip(rows.video_id, rows.media_uri, strict=True), clips_of(corpus), task.clips)
