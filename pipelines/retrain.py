"""The graph: from a window of the corpus to a challenger, or to a reason why there is none."""

import json
from collections.abc import Callable
from typing import Any

from kfp import dsl, kubernetes

from components.check_parity import check_parity
from components.check_teacher import check_teacher
from components.decode_clips import decode_clips
from components.distill_student import distill_student
from components.evaluate import evaluate
from components.gate import gate
from components.nominate import nominate
from components.package import package
from components.register import register
from components.retrieve_features import retrieve_features
from components.score_teacher import score_teacher
from components.select_window import select_window
from components.train_baseline import train_baseline
from components.train_teacher import train_teacher
from components.validate_data import validate_data
from components.validate_features import validate_features
from pipelines.task import Task
from pipelines.workspace import code_digest, code_version

GPU = "nvidia.com/gpu"
TRAINING_MEMORY = "16Gi"


def retrain_pipeline(task: Task) -> Callable[..., Any]:
    """The pipeline of one task. Its settings are constants of the graph; the window is data given at run time."""
    version_of_code = code_version()
    settings = json.dumps(task.model_dump(mode="json"), sort_keys=True)
    student = task.student.model_dump_json()
    classes = list(task.classes)
    validation = task.validation.model_dump_json()

    @dsl.pipeline(name=f"cpfd-{task.task.replace('_', '-')}", description=task.description)
    def retrain(
        corpus: str,
        window_end: str,
        tracking_uri: str,
        feature_registry: str,
        run_name: str,
        months: int = 3,
        seed: int = task.seed,
        snapshot: str = "",
        checkpoints: str = "",
    ) -> None:
        """Every step names what it reads: only the teacher's two steps are given the privileged artifact."""
        window = select_window(
            corpus=corpus,
            task=task.task,
            classes=classes,
            window_end=window_end,
            months=months,
            window=task.window.model_dump_json(),
            folds=task.distillation.folds,
            seed=seed,
            snapshot=snapshot,
        )
        checked = validate_data(
            catalogue=window.outputs["catalogue"],
            task=task.task,
            classes=classes,
            window_start=window.outputs["window_start"],
            window_end=window_end,
            validation=validation,
        )
        catalogue = checked.outputs["sound_catalogue"]
        features = retrieve_features(
            corpus=corpus, task=task.task, feature_registry=feature_registry, catalogue=catalogue
        )
        privileged = features.outputs["privileged"]
        features_checked = validate_features(catalogue=catalogue, privileged=privileged, validation=validation)
        # Decoding and training are dear: they wait until all data has passed.
        decoded = decode_clips(catalogue=catalogue, student=student, validation=validation).after(features_checked)
        rows = {"catalogue": catalogue, "clips": decoded.outputs["clips"], "student": student}
        baseline = train_baseline(**rows, seed=seed, checkpoints=checkpoints)
        teacher = train_teacher(**rows, privileged=privileged, seed=seed, checkpoints=checkpoints)
        scored = score_teacher(**rows, privileged=privileged, teacher=teacher.outputs["teacher"])
        teacher_scores = scored.outputs["teacher_scores"]
        worth = check_teacher(**rows, baseline=baseline.outputs["baseline"], teacher_scores=teacher_scores)
        soft_targets = scored.outputs["soft_targets"]
        distilled = distill_student(**rows, soft_targets=soft_targets, seed=seed, checkpoints=checkpoints).after(worth)
        networks = {"baseline": baseline.outputs["baseline"], "distilled": distilled.outputs["distilled"]}
        judged = evaluate(**rows, **networks, teacher_scores=teacher_scores, seed=seed)
        evidence = {
            "facts": window.outputs["facts"],
            "evaluation": judged.outputs["evaluation"],
            "scores": judged.outputs["scores"],
        }
        decided = gate(
            **evidence,
            **networks,
            soft_targets=soft_targets,
            set_aside=checked.outputs["set_aside"],
            undecodable=decoded.outputs["set_aside"],
            settings=settings,
            code_version=version_of_code,
        )
        registered = register(
            **evidence,
            **networks,
            decision=decided.outputs["decision"],
            report=decided.outputs["report"],
            settings=settings,
            code_version=version_of_code,
            tracking_uri=tracking_uri,
            run_name=run_name,
        )
        on_gpu(baseline, teacher, scored, distilled)
        with dsl.If(decided.outputs["Output"] == True, "passed"):  # noqa: E712 - builds a condition of the graph
            packed = package(
                distilled=networks["distilled"],
                evaluation=evidence["evaluation"],
                task=task.task,
                version=registered.outputs["version"],
            )
            parity = check_parity(
                archive=packed.outputs["archive"], catalogue=catalogue, scores=evidence["scores"], task=task.task
            )
            nominated = nominate(
                archive=packed.outputs["archive"],
                parity=parity.outputs["parity"],
                task=task.task,
                run_id=registered.outputs["run_id"],
                version=registered.outputs["version"],
                tracking_uri=tracking_uri,
            )
        for step in (registered, nominated):
            step.set_caching_options(False)
        repeated_when_changed("corpus", steps=(window,))
        repeated_when_changed("corpus", "models", steps=(checked, features_checked, decoded))
        repeated_when_changed("feature_repo", steps=(features,))
        repeated_when_changed("models", steps=(baseline, teacher, scored, worth, distilled, judged))
        repeated_when_changed("models", "registry", steps=(decided, registered, nominated))
        repeated_when_changed("models", "serving", steps=(packed, parity))

    return retrain


def on_gpu(*steps: dsl.PipelineTask) -> None:
    """Ask for a GPU on a cluster, and for shared memory to feed it from; a laptop runs without either."""
    for step in steps:
        step.set_accelerator_type(GPU).set_accelerator_limit(1).set_memory_limit(TRAINING_MEMORY)
        kubernetes.empty_dir_mount(step, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory")  # noqa: S108


def repeated_when_changed(*rooms: str, steps: tuple[dsl.PipelineTask, ...]) -> None:
    """Take ``steps`` from the local cache only while the code of the ``rooms`` they read stays as it is."""
    for step in steps:
        step.set_env_variable("CPFD_CODE", code_digest(rooms))
