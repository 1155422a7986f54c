"""The protocol behind EVIDENCE.md: seven tasks, several seeds, the baselines a sceptic would ask for.

Run with ``make evidence``. Every seed draws everything anew that chance has a hand in: folds, which training rows keep
their label, the teacher, the students, and for a random split the rows themselves; where real data is prepared, that
too. What is finished is kept below
``build/evidence`` under the digest of the code, so that a run that was stopped resumes.
"""

import argparse
import contextlib
import multiprocessing
import os
import re
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from benchmarks.evidence_page import Data, page
from benchmarks.real_data.preparing import PREPARATIONS, prepare
from common.artifacts import EVALUATION
from common.source import ROOT, project_digest
from corpus.contract import LABELS, CorpusError, day_after, newest_publication, read_table
from corpus.importing.importer import import_corpus
from corpus.importing.mapping import read_mapping
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.simulate import simulate
from corpus.validation.raw_window import media_facts, set_aside_catalogue
from corpus.window import newest_labels, select_window, window_start
from feature_repo.retrieval import retrieve_features
from models.data.clips import probe, write_clips
from models.data.run_data import open_run
from models.evaluation.scoring import score_teachers
from models.studies.study import Variant, step_matched_epochs, teacher_rows, thin_labels, train_variant
from models.studies.variants import IN_SAMPLE, MAIN, PRIVILEGED, STEPS, TEACHER, VANILLA_KD
from models.training.teachers import train_teachers
from pipelines.task import Task, load_task

AVERAGED = Variant(name="CPFD, three teachers a fold", changes={"method": "cpfd", "repeats": 3})
KEPT = ROOT / "build" / "evidence"


DATA = (
    Data("fight", "fight_clips", "fight_clips.yaml"),
    Data("trending_category", "yt_trending", "yt_trending.yaml", months=9, labels=0.25),
    Data("trending_category", "yt_trending", "yt_trending.yaml", months=9),
    Data("top_caption", "caption_votes", "caption_votes.yaml", labels=0.22, judged_by="top_caption_all_votes"),
    Data("violating", "kuaimod", "kuaimod.yaml"),
    Data("low_quality"),
    Data("harmful_content"),
    Data("topic"),
)


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
    task = load_task(data.task)
    end = day_after(newest_publication(corpus).as_py())
    folds = task.distillation.folds
    rows = select_window(
        corpus, task.labels, task.classes, window_start(end, data.months), end, task.window, folds, seed
    )
    if data.judged_by is not None:
        rows = judged_by(rows, corpus, data.judged_by, end)
    if "frames" in task.modalities:
        rows = rows[rows.video_id.isin(sound_videos(rows, corpus))].drop_duplicates("video_id").reset_index(drop=True)
    return task, thin_labels(rows, data.labels, folds, seed)


def judged_by(rows: pd.DataFrame, corpus: Path, labels: str, end: datetime) -> pd.DataFrame:
    """The catalogue with the corpus's labels of that name on its evaluation rows; all other rows keep their own.

    Only what judges is better than what a user has: thresholds and stopping are chosen by the labels of the task.
    """
    made = read_table(corpus / "labels", LABELS, pc.field("task") == labels).to_pandas()
    known = newest_labels(made, end).set_index("video_id").label
    evaluation = rows.split == EVALUATION
    judging = rows.label.where(~evaluation, rows.video_id.map(known))
    if missing := int((judging.isna() & evaluation).sum()):
        raise CorpusError(f"{missing} evaluation rows have no label of {labels} to be judged by")
    return rows.assign(label=judging)


def sound_videos(rows: pd.DataFrame, corpus: Path) -> list[str]:
    """Videos that open and are not another's copy, as a run's validation would find them; found once."""
    kept = corpus.with_suffix(".sound.parquet")
    if not kept.exists():
        sound, _ = set_aside_catalogue(media_facts(rows, probe, lambda _: None))
        sound[["video_id"]].to_parquet(kept, index=False)
    return pq.read_table(kept)["video_id"].to_pylist()


def clips_of(corpus: Path) -> Path:
    return corpus.with_suffix(".clips.arrow")


def make_clips(data: Data, corpus: Path) -> None:
    """Decode the task's videos once for all seeds; what does not decode is left out by every seed."""
    task, rows = window_of(data, corpus, 0)
    if "frames" in task.modalities and not clips_of(corpus).exists():
        write_clips(zip(rows.video_id, rows.media_uri, strict=True), clips_of(corpus), task.clips)


def teachers_of(data: Data) -> list[Variant]:
    """The methods whose teachers are trained, each for students of its own; the costlier ones on real data alone."""
    return [PRIVILEGED, VANILLA_KD] if data.simulated else [PRIVILEGED, VANILLA_KD, IN_SAMPLE, AVERAGED]


def students_of(of: Variant, rows: pd.DataFrame, task: Task) -> list[Variant]:
    """The students that learn from the teacher of ``of``."""
    if of != PRIVILEGED:
        return [of]
    epochs = step_matched_epochs(rows, task.recipe)
    return [*MAIN, *([] if epochs is None else [Variant(name=STEPS, epochs=epochs)])]


@dataclass(frozen=True)
class Part:
    """One seed of one task, as far as it concerns one kind of teacher."""

    data: Data
    corpus: Path
    seed: int
    of: Variant
    results: Path

    @property
    def target(self) -> Path:
        name = f"{self.data.task}-{self.data.labels:g}-{self.seed}-{self.of.name}"
        return self.results / f"{re.sub('[^a-z0-9.-]+', '_', name.lower())}.parquet"


def run_part(part: Part) -> None:
    """Train the teachers and students of a part and keep the scores of its judging rows."""
    torch.set_num_threads(1)
    task, rows = window_of(part.data, part.corpus, part.seed)
    folder = part.target.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    catalogue, scored = (folder / f"{name}.parquet" for name in ("catalogue", "judged"))
    features = folder / "privileged"
    rows.to_parquet(catalogue, index=False)
    retrieve_features(part.corpus, task.task, task.features, catalogue, features, str(folder / "feast" / "registry.db"))
    run = open_run(catalogue, clips_of(part.corpus), task.recipe)
    own = part.of.settings(task.recipe)
    teachers = [teacher for teacher, _ in train_teachers(run, features, own, part.seed).values()]
    targets, judged = score_teachers(teachers, run, features, own)
    pq.write_table(judged, scored)
    name = TEACHER if part.of == PRIVILEGED else f"{TEACHER} of {part.of.name}"
    tables = [teacher_rows(catalogue, scored, own, part.seed, name)]
    tables += [train_variant(run, targets, each, own, part.seed) for each in students_of(part.of, rows, task)]
    partial = part.target.with_suffix(".partial")
    pd.concat(tables, ignore_index=True).to_parquet(partial, index=False)
    partial.rename(part.target)
    shutil.rmtree(folder)


def _quietly(part: Part) -> None:
    with part.target.with_suffix(".log").open("w") as log, contextlib.redirect_stdout(log):
        run_part(part)


def collect(chosen: Sequence[Data], seeds: int, real: Path) -> dict[Data, pd.DataFrame]:
    """The scores of every task and seed: those kept, and the others made, a process a core."""
    results = kept() / "scores"
    results.mkdir(parents=True, exist_ok=True)
    parts = []
    for data in chosen:
        corpora = [make_corpus(data, real, seed) for seed in range(seeds)]
        for corpus in dict.fromkeys(corpora):
            make_clips(data, corpus)
        parts += [Part(data, corpora[seed], seed, of, results) for of in teachers_of(data) for seed in range(seeds)]
    missing = [part for part in parts if not part.target.exists()]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), spawn) as pool:
        running = {pool.submit(_quietly, part): part for part in missing}
        for done, finished in enumerate(as_completed(running), start=1):
            finished.result()
            part = running[finished]
            print(f"{done} of {len(missing)}: {part.data.name}, seed {part.seed}, {part.of.name}", flush=True)
    return {
        data: pd.concat([pd.read_parquet(part.target) for part in parts if part.data == data], ignore_index=True)
        for data in chosen
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the real data")
    parser.add_argument("--output", type=Path, default=ROOT / "EVIDENCE.md")
    arguments = parser.parse_args()
    chosen = [data for data in DATA if data.source is None or (arguments.real / data.source).is_dir()]
    for data in DATA:
        if data not in chosen:
            print(f"left out: {data.name}, as there is no {arguments.real / str(data.source)}", file=sys.stderr)
    arguments.output.write_text(page(collect(chosen, arguments.seeds, arguments.real), arguments.seeds))
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
