"""The first half of every graph: from a window of the corpus to checked rows, clips and privileged features."""

from dataclasses import dataclass
from typing import Any

from kfp import dsl

from components.decode_clips import decode_clips
from components.decode_part import decode_part
from components.probe_part import probe_part
from components.retrieve_features import retrieve_features
from components.select_window import select_window
from components.validate_data import validate_data
from components.validate_features import validate_features
from pipelines.cluster.settings import Cluster
from pipelines.request import Inputs
from pipelines.task import Task


@dataclass(frozen=True)
class Prepared:
    """Outputs of the steps: ``rows`` is what every training reads."""

    rows: dict[str, Any]
    privileged: Any
    retrieval_milliseconds: Any
    facts: Any
    findings: Any
    set_aside: Any
    undecodable: Any


def prepare(task: Task, inputs: Inputs, cluster: Cluster | None = None) -> Prepared:
    """The steps up to decoding, within a pipeline function; expensive steps wait until all data has passed.

    On a cluster opening and decoding media is spread over ``pods.media`` pods.
    """
    recipe, classes, validation = task.recipe.model_dump_json(), list(task.classes), task.validation.model_dump_json()
    window = select_window(
        corpus=inputs.corpus,
        labels=task.labels,
        classes=classes,
        window_end=inputs.window_end,
        months=inputs.months,
        window=task.window.model_dump_json(),
        folds=task.distillation.folds,
        seed=inputs.seed,
        snapshot=inputs.snapshot,
        previous_videos=task.validation.drift_videos,
    )
    media = {"catalogue": window.outputs["catalogue"], "clip_store": inputs.clip_store}
    pods = task.pods.media if cluster is not None and "frames" in task.modalities else 1
    checked = validate_data(
        catalogue=window.outputs["catalogue"],
        labels=task.labels,
        classes=classes,
        modalities=list(task.modalities),
        window_start=window.outputs["window_start"],
        window_end=inputs.window_end,
        validation=validation,
        clip_store=inputs.clip_store,
        parts=_in_parts(probe_part, media, pods),
    )
    catalogue = checked.outputs["sound_catalogue"]
    features, features_checked = _checked_features(task, inputs, catalogue, window.outputs["previous"])
    clips = {"catalogue": catalogue, "clip_settings": task.clips.model_dump_json(), "clip_store": inputs.clip_store}
    parts = _in_parts(decode_part, clips, pods if task.clips.stored else 1, features_checked)
    decoded = decode_clips(**clips, modalities=list(task.modalities), validation=validation, parts=parts)
    decoded.after(features_checked)
    return Prepared(
        rows={"catalogue": catalogue, "clips": decoded.outputs["clips"], "recipe": recipe},
        privileged=features.outputs["privileged"],
        retrieval_milliseconds=features.outputs["milliseconds"],
        facts=window.outputs["facts"],
        findings=checked.outputs["findings"],
        set_aside=checked.outputs["set_aside"],
        undecodable=decoded.outputs["set_aside"],
    )


def _in_parts(step: Any, given: dict[str, Any], parts: int, *ready: dsl.PipelineTask) -> Any:
    """A step for each part, once ``ready`` are done; all of their outputs. [] for one part: who reads them does it."""
    if parts == 1:
        return []
    with dsl.ParallelFor(list(range(parts)), name=step.name) as part:
        made = step(**given, part=part, parts=parts).after(*ready)
    return dsl.Collected(made.output)


def _checked_features(
    task: Task, inputs: Inputs, catalogue: Any, previous: Any
) -> tuple[dsl.PipelineTask, dsl.PipelineTask]:
    """The steps that retrieve features and check them against those of the previous window's videos."""
    features = retrieve_features(
        corpus=inputs.corpus,
        task=task.task,
        features=list(task.features),
        feature_registry=inputs.feature_registry,
        feature_profile=inputs.feature_profile,
        window_end=inputs.window_end,
        checkpoints=inputs.checkpoints,
        catalogue=catalogue,
        previous=previous,
    )
    checked = validate_features(
        privileged=features.outputs["privileged"],
        previous_privileged=features.outputs["previous_privileged"],
        times=features.outputs["times"],
        catalogue=catalogue,
        validation=task.validation.model_dump_json(),
    )
    return features, checked
