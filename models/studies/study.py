"""A study: many students over the same rows and the same soft targets, which differ in one thing each."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from pydantic import BaseModel

from common.artifacts import TRAIN, UNLABELLED
from models.data.run_data import RunData, open_run
from models.distillation.mappings import MAPPINGS, ExponentialDecay
from models.distillation.methods import CPFD, METHODS, DistillationMethod
from models.distillation.named_settings import changed_kind
from models.distillation.soft_targets import SoftTargets
from models.evaluation.scoring import JUDGING, softmax
from models.training.prediction import predict_logits
from models.training.settings import Recipe
from models.training.students import distill_student, train_baseline


class Variant(BaseModel, frozen=True, extra="forbid"):
    """One kind of student, by what it changes of the task's distillation settings; None is labels alone.

    ``changes["method"]`` names a method, or gives the name and settings of one (``mapping`` in it likewise): what both
    it and the task's own method can be given, as temperature or alpha, stays the task's own. ``epochs`` replaces the
    task's, for a baseline of as many steps as the student takes.
    """

    name: str
    changes: dict[str, Any] | None = None
    epochs: int | None = None

    def settings(self, settings: Recipe) -> Recipe:
        training = settings.training
        if self.epochs is not None:
            training = _changed(training, {"epochs": self.epochs})
        distillation = settings.distillation
        if self.changes:
            own = {**self.changes}
            if "method" in own:
                own["method"] = changed_method(distillation.method, own["method"]).model_dump()
            distillation = _changed(distillation, own)
        return settings.model_copy(update={"training": training, "distillation": distillation})


def changed_method(own: DistillationMethod, changes: str | dict[str, Any]) -> DistillationMethod:
    """``own`` with ``changes``, which may be another method's name, and change its mapping by name alike."""
    changes = {"name": changes} if isinstance(changes, str) else dict(changes)
    if "mapping" in changes:
        before = own.mapping if isinstance(own, CPFD) else ExponentialDecay()
        changes["mapping"] = changed_kind(before, changes["mapping"], MAPPINGS).model_dump()
    return changed_kind(own, changes, METHODS)


def _changed(settings: BaseModel, changes: dict[str, Any]) -> Any:
    """With ``changes``, checked as if they had been written in the task file."""
    return type(settings).model_validate({**settings.model_dump(), **changes})


@dataclass(frozen=True)
class Ground:
    """What all students of a study stand on: files of a run, and the task's settings."""

    catalogue: Path
    clips: Path
    soft_targets: Path
    settings: Recipe


def thin_labels(catalogue: pd.DataFrame, share: float, folds: int, seed: int) -> pd.DataFrame:
    """The catalogue with labels on that share of its training rows only; the others count as unlabelled.

    A draw by class, so that a rare class keeps its share; each class keeps a row of every fold it has rows in.
    """
    if share == 1:
        return catalogue
    generator = np.random.default_rng(seed)
    thinned = catalogue.copy()
    for label in sorted(catalogue.label[catalogue.split == "train"].unique()):
        rows = generator.permutation(np.flatnonzero((catalogue.split == "train") & (catalogue.label == label)))
        _, firsts = np.unique(catalogue.fold.to_numpy()[rows], return_index=True)
        rows = np.concatenate([rows[firsts], np.delete(rows, firsts)])
        dropped = rows[max(folds, round(share * len(rows))) :]
        thinned.loc[thinned.index[dropped], ["split", "fold", "label"]] = ["unlabelled", -1, None]
    return thinned


def train_variants(
    ground: Ground,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    processes: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """Train every variant with every seed and score the judging rows: the rows of ``score_rows``, put together.

    One process a core, each with one thread: small networks gain nothing from a second one. Where there is a
    GPU, one process.
    """
    work = [(variant, seed) for seed in seeds for variant in variants]
    workers = processes or (1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)))
    if workers == 1:
        _open(ground, None)
        tables = []
        for done, each in enumerate(work, start=1):
            tables.append(_train(*each))
            progress(done)
        return pd.concat(tables, ignore_index=True)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(work)), spawn, initializer=_open, initargs=(ground, 1)) as pool:
        running = [pool.submit(_train, *each) for each in work]
        for done, _ in enumerate(as_completed(running), start=1):
            progress(done)
    return pd.concat([each.result() for each in running], ignore_index=True)


_opened: dict[str, Any] = {}  # a worker opens the run's files once


def _open(ground: Ground, threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
    data = open_run(ground.catalogue, ground.clips, ground.settings)
    _opened.update(data=data, targets=SoftTargets.read(ground.soft_targets), settings=ground.settings)


def _train(variant: Variant, seed: int) -> pd.DataFrame:
    return train_variant(_opened["data"], _opened["targets"], variant, _opened["settings"], seed)


def train_variant(
    data: RunData, soft_targets: SoftTargets, variant: Variant, settings: Recipe, seed: int
) -> pd.DataFrame:
    """Train the variant's student and score the judging rows."""
    own = variant.settings(settings)
    if variant.changes is None:
        model, _ = train_baseline(data, own, seed)
    else:
        model, _, _ = distill_student(data, soft_targets, own, seed)
    logits = predict_logits(model, data.rows(*JUDGING), own.training.batch_size)
    frame = data.frame[data.frame.split.isin(JUDGING)]
    return score_rows(frame, softmax(logits), settings.classes, variant.name, seed)


def teacher_rows(
    catalogue: Path, teacher_scores: Path, settings: Recipe, seed: int, name: str = "teacher"
) -> pd.DataFrame:
    """The teacher's scores of the judging rows, as those of a student of the study."""
    frame = pq.read_table(catalogue, columns=["video_id", "split", "label"]).to_pandas().set_index("video_id")
    scores = pq.read_table(teacher_scores).to_pandas()
    probabilities = softmax(np.stack(scores.logits.to_numpy()))
    return score_rows(frame.loc[scores.video_id].reset_index(), probabilities, settings.classes, name, seed)


def peer_rows(catalogue: Path, scores: pd.DataFrame, classes: tuple[str, ...], seed: int) -> pd.DataFrame:
    """The peers' scores of the judging rows, a column a peer, as those of students of the study."""
    frame = pq.read_table(catalogue, columns=["video_id", "split", "label"]).to_pandas().set_index("video_id")
    rows = frame.loc[scores.video_id].reset_index()
    peers = scores.drop(columns="video_id")
    tables = [score_rows(rows, np.stack(each.to_numpy()), classes, str(name), seed) for name, each in peers.items()]
    return pd.concat(tables, ignore_index=True)


def score_rows(
    frame: pd.DataFrame, probabilities: np.ndarray, classes: tuple[str, ...], model: str, seed: int
) -> pd.DataFrame:
    """Class probabilities of judging rows: model, seed, video_id, split, label (its index), probabilities."""
    return pd.DataFrame(
        {
            "model": model,
            "seed": seed,
            "video_id": frame.video_id.to_numpy(),
            "split": frame.split.to_numpy(),
            "label": [classes.index(label) for label in frame.label],
            "probabilities": list(probabilities.astype(np.float32)),
        }
    )


def in_equal_steps(variants: Sequence[Variant], epochs: int | None, also: str | None = None) -> list[Variant]:
    """With ``epochs`` for those that learn from labels alone, but for the first and plain baseline.

    Args:
        epochs: of ``step_matched_epochs``: as many steps as a student of a teacher takes; None changes nothing.
        also: the name of a baseline that takes them as well, put behind the others if there is a plain one.
    """
    if epochs is None:
        return list(variants)
    matched = [
        each.model_copy(update={"epochs": epochs}) if each.changes and _teacherless(each) else each for each in variants
    ]
    plain = any(each.changes is None for each in variants)
    return [*matched, *([Variant(name=also, epochs=epochs)] if plain and also else [])]


def _teacherless(variant: Variant) -> bool:
    method = (variant.changes or {}).get("method")
    name = method["name"] if isinstance(method, dict) else method
    return name in METHODS and METHODS[name].teacher is None


def step_matched_epochs(catalogue: pd.DataFrame, settings: Recipe) -> int | None:
    """Epochs of a baseline that takes as many steps as the student; None if as many epochs are as many steps."""
    distillation, training = settings.distillation, settings.training
    own, unlabelled = (int((catalogue.split == split).sum()) for split in (TRAIN, UNLABELLED))
    more = distillation.unlabelled if distillation.method.teacher else None
    learned = own + (0 if more is None else more.count(unlabelled))
    steps = (distillation.student_epochs or training.epochs) * -(-learned // training.batch_size)
    epochs = max(1, round(steps / -(-own // training.batch_size)))
    return None if epochs == training.epochs else epochs
