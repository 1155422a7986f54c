"""What 'cpfd tune' is worth: the task as it is and as tuned, on evaluation rows that no trial saw.

Run with ``make bench-tuning`` for one simulated and one real task, a seed after the other: rows, labels, tuning and
trainings are drawn anew. Teachers and student are trained by each recipe, as two runs would.
"""

import argparse
import contextlib
import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.evidence import DATA
from benchmarks.evidence_page import Data
from benchmarks.evidence_rows import clips_of, make_clips, make_corpus, open_window
from common.source import ROOT, code_version
from corpus.held_out import held_out_windows
from models.data.run_data import RunData
from models.evaluation.metrics import titles
from models.evaluation.scoring import score_teachers
from models.studies.search_space import tried
from models.studies.statistics import Interval, measure
from models.studies.study import Variant, train_variant
from models.studies.tuning import Ground, tune
from models.training.settings import Recipe
from models.training.teachers import train_teachers
from pipelines.task import load_task

TASKS = ("low_quality", "violating")  # simulated and real, the quickest of each
OWN, TUNED = "the task as it is", "as tuned"


def measured(data: Data, real: Path, seed: int, trials: int) -> pd.DataFrame:
    """A row for each of OWN and TUNED: every metric on the evaluation rows of this seed."""
    corpus = make_corpus(data, real, seed)
    make_clips(data, corpus)
    with tempfile.TemporaryDirectory() as kept, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(kept)
        task, run, catalogue, features = open_window(data, corpus, seed, folder)
        own = task.recipe
        windows = held_out_windows(pd.read_parquet(catalogue), own.distillation.folds, own.classes, seed)
        ground = Ground(windows, clips_of(corpus), features, own, seed)
        found, _ = tune(ground, task.task, trials=trials, storage=f"sqlite:///{folder}/trials.db", kept=None)
        recipes = {OWN: own, TUNED: tried(own, found.best)}
        scores = [_student(run, features, recipe, name, seed) for name, recipe in recipes.items()]
    return measure(pd.concat(scores, ignore_index=True), own.judge)


def _student(run: RunData, features: Path, recipe: Recipe, name: str, seed: int) -> pd.DataFrame:
    """The scores of a student of this recipe, with teachers of its own."""
    teachers = [teacher for teacher, _ in train_teachers(run, features, recipe, seed).values()]
    targets, _ = score_teachers(teachers, run, features, recipe)
    return train_variant(run, targets, Variant(name=name, changes={}), recipe, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=TASKS, help="names as EVIDENCE.md has them")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=3, help="0 to 2 were looked at when ROC-AUC was chosen")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the real data")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{code_version()}, {os.cpu_count()} cores, torch {torch.__version__}, {arguments.trials} trials a seed")
    for data in (each for each in DATA if each.name in arguments.tasks):
        tables = []
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            started = time.monotonic()
            tables.append(measured(data, arguments.real, seed, arguments.trials))
            print(f"seed {seed}: {time.monotonic() - started:.0f} s", flush=True)
            print_table(data, tables[-1])
        print_table(data, pd.concat(tables, ignore_index=True))


def print_table(data: Data, measures: pd.DataFrame) -> None:
    """A line a metric: both means, and the interval of their difference over seeds (of one seed: none)."""
    for metric, title in titles(load_task(data.task).judge).items():
        own, tuned = (measures[measures.model == name][metric].to_numpy() for name in (OWN, TUNED))
        won = Interval.of(tuned - own)
        means = f"{data.name}, {title}: {np.mean(own):.4f}, tuned {np.mean(tuned):.4f}"
        print(f"{means}, {won.mean:+.4f} ± {won.half:.4f}", flush=True)


if __name__ == "__main__":
    main()
