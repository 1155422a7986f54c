"""The graph of a study: one teacher and one set of soft targets, many students (the paper's tables)."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from common.source import code_version
from components.compare_variants import compare_variants
from components.measure_cost import measure_cost
from components.score_peers import score_peers
from components.score_teacher import score_teacher
from components.thin_labels import thin_labels
from components.train_teacher import train_teacher
from components.train_variants import train_variants
from models.studies.study import Variant
from models.studies.variants import (
    GENERALISED,
    IN_SAMPLE,
    MAIN,
    PRIVILEGED,
    SELF_TRAINING,
    VANILLA_KD,
    full_study,
    other_teacher,
)
from pipelines.graphs.pipeline import on_gpu, pipeline, resolved_settings
from pipelines.graphs.pods import never_from_cache
from pipelines.graphs.prepare import Prepared, prepare
from pipelines.request import Inputs
from pipelines.task import Task


def ablate_pipeline(task: Task, seeds: int) -> Callable[..., Any]:
    """The study of one task, each student trained with ``seeds`` seeds."""
    version_of_code = code_version()
    settings = resolved_settings(task)

    def build(inputs: Inputs) -> None:
        """Groups of students, each with its own teacher: they wait for nothing but that teacher."""
        prepared = prepare(task, inputs)
        seed = inputs.seed

        group = partial(_group, task, inputs, prepared, seeds)

        def with_labels(share: float) -> Any:
            thinned = thin_labels(
                catalogue=prepared.rows["catalogue"], share=share, folds=task.distillation.folds, seed=seed
            )
            return group(PRIVILEGED, MAIN, {**prepared.rows, "catalogue": thinned.outputs["thinned"]})[2]

        teacher, soft_targets, scores = group(PRIVILEGED, full_study(task.recipe), prepared.rows)
        cost = measure_cost(**prepared.rows, teacher=teacher)
        other = other_teacher(task.distillation)
        # The networks of a boosted teacher see raw input alone: they are the teachers of vanilla KD as well.
        raw = teacher if PRIVILEGED.settings(task.recipe).distillation.boosted else None
        compared = compare_variants(
            catalogue=prepared.rows["catalogue"],
            peer_scores=score_peers(**prepared.rows, privileged=prepared.privileged, seed=seed).outputs["peer_scores"],
            facts=prepared.facts,
            soft_targets=soft_targets,
            cost=cost.outputs["cost"],
            retrieval_milliseconds=prepared.retrieval_milliseconds,
            settings=settings,
            code_version=version_of_code,
            scores=scores,
            scores_of_raw_teacher=group(VANILLA_KD, [VANILLA_KD, SELF_TRAINING], prepared.rows, raw)[2],
            scores_of_in_sample=group(IN_SAMPLE, [IN_SAMPLE], prepared.rows)[2],
            scores_of_other_teacher=group(other, [other], prepared.rows)[2],
            scores_of_dense_teacher=group(GENERALISED, [GENERALISED], prepared.rows)[2],
            scores_of_half=with_labels(0.5),
            scores_of_quarter=with_labels(0.25),
            scores_of_eighth=with_labels(0.125),
        )
        never_from_cache(compared)

    return pipeline(task, "ablate", build)


def _group(
    task: Task,
    inputs: Inputs,
    prepared: Prepared,
    seeds: int,
    of: Variant,
    variants: Sequence[Variant],
    rows: dict[str, Any],
    teacher: Any = None,
) -> tuple[Any, Any, Any]:
    """The teacher of a method, if none is given, its soft targets, and the scores of who learns from it."""
    learned = {**rows, "recipe": of.settings(task.recipe).model_dump_json()}
    privileged, seed = prepared.privileged, inputs.seed
    if teacher is None:
        trained = train_teacher(**learned, privileged=privileged, seed=seed, checkpoints=inputs.checkpoints)
        on_gpu(task, trained)
        teacher = trained.outputs["teacher"]
    scored = score_teacher(**learned, privileged=privileged, teacher=teacher, seed=seed, checkpoints=inputs.checkpoints)
    students = train_variants(
        **learned,
        soft_targets=scored.outputs["soft_targets"],
        teacher_scores=scored.outputs["teacher_scores"],
        variants=json.dumps([each.model_dump() for each in variants]),
        seeds=seeds,
    )
    on_gpu(task, scored, students)
    return teacher, scored.outputs["soft_targets"], students.outputs["scores"]
