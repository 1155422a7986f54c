"""The first half of every graph: from a window of the corpus to checked rows, clips and privileged features."""

from dataclasses import dataclass
from typing import Any

from kfp import dsl, kubernetes
from kfp.dsl import pipeline_context

from common.source import code_digest
from components.decode_clips import decode_clips
from components.retrieve_features import retrieve_features
from components.select_window import select_window
from components.validate_data import validate_data
from components.validate_features import validate_features
from models.starts.named_files import named_files_digest
from pipelines.task import Task

GPU = "nvidia.com/gpu"
TRAINING_MEMORY = "16Gi"


@dataclass(frozen=True)
class Prepared:
    """Outputs of the steps: ``rows`` is what every training reads."""

    rows: dict[str, Any]
    privileged: Any
    retrieval_milliseconds: Any
    facts: Any
    set_aside: Any
    undecodable: Any


def prepare(
    task: Task,
    corpus: Any,
    window_end: Any,
    months: Any,
    seed: Any,
    snapshot: Any,
    checkpoints: Any,
    feature_registry: Any,
    feature_profile: Any,
) -> Prepared:
    """The steps up to decoding, within a pipeline function; dear steps wait until all data has passed."""
    recipe, classes, validation = task.recipe.model_dump_json(), list(task.classes), task.validation.model_dump_json()
    window = select_window(
        corpus=corpus,
        task=task.task,
        labels=task.labels,
        classes=classes,
        window_end=window_end,
        months=months,
        window=task.window.model_dump_json(),
        folds=task.distillation.folds,
        seed=seed,
        snapshot=snapshot,
        previous_videos=task.validation.drift_videos,
    )
    checked = validate_data(
        catalogue=window.outputs["catalogue"],
        task=task.task,
        classes=classes,
        modalities=list(task.modalities),
        window_start=window.outputs["window_start"],
        window_end=window_end,
        validation=validation,
    )
    catalogue = checked.outputs["sound_catalogue"]
    features, features_checked = _checked_features(
        task,
        {
            "corpus": corpus,
            "feature_registry": feature_registry,
            "feature_profile": feature_profile,
            "window_end": window_end,
            "checkpoints": checkpoints,
        },
        catalogue,
        window.outputs["previous"],
    )
    decoded = decode_clips(catalogue=catalogue, recipe=recipe, validation=validation).after(features_checked)
    return Prepared(
        rows={"catalogue": catalogue, "clips": decoded.outputs["clips"], "recipe": recipe},
        privileged=features.outputs["privileged"],
        retrieval_milliseconds=features.outputs["milliseconds"],
        facts=window.outputs["facts"],
        set_aside=checked.outputs["set_aside"],
        undecodable=decoded.outputs["set_aside"],
    )


def _checked_features(
    task: Task, where: dict[str, Any], catalogue: Any, previous: Any
) -> tuple[dsl.PipelineTask, dsl.PipelineTask]:
    """The steps that retrieve features and check them against those of the previous window's videos."""
    features = retrieve_features(
        task=task.task, features=list(task.features), catalogue=catalogue, previous=previous, **where
    )
    checked = validate_features(
        privileged=features.outputs["privileged"],
        previous_privileged=features.outputs["previous_privileged"],
        times=features.outputs["times"],
        catalogue=catalogue,
        validation=task.validation.model_dump_json(),
    )
    return features, checked


def on_gpu(task: Task, *steps: dsl.PipelineTask) -> None:
    """Ask for a GPU a process on a cluster, and for shared memory to feed it from; a laptop runs without either."""
    for step in steps:
        step.set_accelerator_type(GPU).set_accelerator_limit(task.training.processes).set_memory_limit(TRAINING_MEMORY)
        kubernetes.empty_dir_mount(step, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory")  # noqa: S108


def repeated_when_changed(task: Task) -> None:
    """Take the steps of the graph that is being built from a cache only while their code stays as it is.

    Code is what a step's component imports, and the files of start weights and tokenizer that the task names.
    """
    named = named_files_digest(task.recipe)
    for step in pipeline_context.Pipeline.get_default_pipeline().tasks.values():
        component = step.component_spec.name.replace("-", "_")
        step.set_env_variable("CPFD_CODE", code_digest(f"components.{component}") + named)
