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
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import torch

from benchmarks.evidence_page import TRUE_LABELS, Data, page
from benchmarks.evidence_rows import clips_of, kept, labelled_window, make_clips, make_corpus, open_window
from common.artifacts import EVALUATION, TRAIN
from common.source import ROOT
from models.data.run_data import RunData, open_run
from models.distillation.soft_targets import SoftTargets
from models.evaluation.peers import peer_scores
from models.evaluation.scoring import score_teachers
from models.studies.study import (
    Variant,
    in_equal_steps,
    peer_rows,
    step_matched_epochs,
    teacher_rows,
    train_variant,
)
from models.studies.variants import (
    IN_SAMPLE,
    MAIN,
    PRIVILEGED,
    RIVALS,
    SELF_TRAINING,
    STEPS,
    TEACHER,
    VANILLA_KD,
    other_teacher,
)
from models.training.new_networks import Teacher
from models.training.teachers import train_teachers
from pipelines.task import Task, load_task

SOFT_LABELS = tuple(each for each in RIVALS if each.name.startswith("label smoothing"))


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


def teachers_of(data: Data, task: Task, own_alone: bool) -> list[Variant]:
    """The methods whose teachers are trained, each for students of its own; the costlier ones on real data alone."""
    return [PRIVILEGED] if data.simulated or own_alone else [PRIVILEGED, IN_SAMPLE, other_teacher(task.distillation)]


def students_of(of: Variant, rows: pd.DataFrame, task: Task) -> list[Variant]:
    """The students that learn from the teacher of ``of``."""
    if of != PRIVILEGED:
        return [of]
    return in_equal_steps([*MAIN, *SOFT_LABELS], step_matched_epochs(rows, task.recipe), STEPS)


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
    folder = part.target.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    task, run, catalogue, features = open_window(part.data, part.corpus, part.seed, folder)
    scored = folder / "judged.parquet"
    own = part.of.settings(task.recipe)
    teachers = [teacher for teacher, _ in train_teachers(run, features, own, part.seed).values()]
    targets, judged = score_teachers(teachers, run, features, own)
    pq.write_table(judged, scored)
    name = TEACHER if part.of == PRIVILEGED else f"{TEACHER} of {part.of.name}"
    tables = [teacher_rows(catalogue, scored, own, part.seed, name)]
    tables += [train_variant(run, targets, each, own, part.seed) for each in students_of(part.of, run.frame, task)]
    if part.of == PRIVILEGED:
        tables += unprivileged(part, run, catalogue, features, task, teachers if own.distillation.boosted else None)
        tables += true_labels(part, targets, task, folder)
    partial = part.target.with_suffix(".partial")
    pd.concat(tables, ignore_index=True).to_parquet(partial, index=False)
    partial.rename(part.target)
    shutil.rmtree(folder)


def unprivileged(
    part: Part, run: RunData, catalogue: Path, features: Path, task: Task, networks: list[Teacher] | None
) -> list[pd.DataFrame]:
    """Vanilla KD and self-training, with as many teachers a fold, and the peers of the same rows.

    Args:
        networks: those of a boosted teacher are the teachers that see raw input alone; None trains such ones.
    """
    own = VANILLA_KD.settings(task.recipe)
    if networks is None:
        networks = [teacher for teacher, _ in train_teachers(run, features, own, part.seed).values()]
    targets, judged = score_teachers(networks, run, features, own)
    scored = catalogue.with_name("judged_raw.parquet")
    pq.write_table(judged, scored)
    tables = [teacher_rows(catalogue, scored, own, part.seed, f"{TEACHER} of {VANILLA_KD.name}")]
    tables += [train_variant(run, targets, each, own, part.seed) for each in (VANILLA_KD, SELF_TRAINING)]
    peers = peer_scores(run, features, task.recipe, part.seed).to_pandas()
    return [*tables, peer_rows(catalogue, peers, task.classes, part.seed)]


def true_labels(part: Part, targets: SoftTargets, task: Task, folder: Path) -> list[pd.DataFrame]:
    """Where labels are few, what their students would be if all their rows had the labels that judge.

    No soft target says more of a row than its true label: the part of the gap that this closes is what raw input can.
    """
    if part.data.labels == 1:
        return []
    _, rows = labelled_window(part.data, part.corpus, part.seed, (TRAIN, EVALUATION))
    catalogue = folder / "all_labels.parquet"
    rows.to_parquet(catalogue, index=False)
    run = open_run(catalogue, clips_of(part.corpus), task.recipe)
    return [train_variant(run, targets, Variant(name=TRUE_LABELS), task.recipe, part.seed)]


def _quietly(part: Part) -> None:
    with part.target.with_suffix(".log").open("w") as log, contextlib.redirect_stdout(log):
        run_part(part)


def collect(chosen: Sequence[Data], seeds: int, real: Path, own_teacher: bool) -> dict[Data, pd.DataFrame]:
    """The scores of every task and seed: those kept, and the others made, a process a core."""
    results = kept() / "scores"
    results.mkdir(parents=True, exist_ok=True)
    parts = []
    for data in chosen:
        corpora = [make_corpus(data, real, seed) for seed in range(seeds)]
        for corpus in dict.fromkeys(corpora):
            make_clips(data, corpus)
        parts += [
            Part(data, corpora[seed], seed, of, results)
            for of in teachers_of(data, load_task(data.task), own_teacher)
            for seed in range(seeds)
        ]
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
    parser.add_argument("--tasks", nargs="*", help="names as the page has them; default: all")
    parser.add_argument("--own-teacher", action="store_true", help="leave out in-sample and the other kind of teacher")
    parser.add_argument("--output", type=Path, default=ROOT / "EVIDENCE.md")
    arguments = parser.parse_args()
    asked = [data for data in DATA if not arguments.tasks or data.name in arguments.tasks]
    chosen = [data for data in asked if data.source is None or (arguments.real / data.source).is_dir()]
    for data in asked:
        if data not in chosen:
            print(f"left out: {data.name}, as there is no {arguments.real / str(data.source)}", file=sys.stderr)
    arguments.output.write_text(page(collect(chosen, arguments.seeds, arguments.real, arguments.own_teacher)))
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
