"""The graph: from a window of the corpus to a challenger, or to a reason why there is none."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from common.source import code_version
from components.check_parity import check_parity
from components.check_teacher import check_teacher
from components.distill_student import distill_student
from components.evaluate import evaluate
from components.find_champion import find_champion
from components.gate import gate
from components.nominate import nominate
from components.package import package
from components.register import register
from components.score_champion import score_champion
from components.score_peers import score_peers
from components.score_teacher import score_teacher
from components.train_baseline import train_baseline
from components.train_teacher import train_teacher
from pipelines.cluster.settings import Cluster
from pipelines.graphs.pipeline import pipeline, resolved_settings, spread
from pipelines.graphs.pods import never_from_cache
from pipelines.graphs.prepare import Prepared, prepare
from pipelines.request import Inputs
from pipelines.task import Task


def retrain_pipeline(task: Task, cluster: Cluster | None = None) -> Callable[..., Any]:
    """The pipeline of one task. Its settings are constants of the graph; the window is data given at run time."""
    version_of_code = code_version()
    settings = resolved_settings(task)

    def build(inputs: Inputs) -> None:
        """Every step names what it reads: the privileged artifact goes to the teacher's two steps and to the peers."""
        prepared = prepare(task, inputs, cluster)
        seed, rows, privileged = inputs.seed, prepared.rows, prepared.privileged
        networks, teacher_scores, distilled = _trained_networks(task, cluster, inputs, prepared)
        peers = score_peers(**rows, privileged=privileged, seed=seed).outputs["peer_scores"]
        serving = find_champion(task=task.task, ledger_uri=inputs.ledger_uri)
        serving.after(distilled)  # trainings take hours, in which another may be approved
        served = score_champion(**rows, task=task.task, **serving.outputs, tracking_uri=inputs.tracking_uri).outputs
        scores = {"teacher_scores": teacher_scores, "peer_scores": peers}
        judged = evaluate(**rows, **networks, **scores, **served, seed=seed)
        evidence = {
            "facts": prepared.facts,
            "evaluation": judged.outputs["evaluation"],
            "scores": judged.outputs["scores"],
        }
        decided = gate(
            catalogue=rows["catalogue"],
            clips=rows["clips"],
            **evidence,
            **networks,
            set_aside=prepared.set_aside,
            undecodable=prepared.undecodable,
            findings=prepared.findings,
            champion=served["champion"],
            settings=settings,
            code_version=version_of_code,
            ledger_uri=inputs.ledger_uri,
        )
        registered = register(
            **evidence,
            **networks,
            decision=decided.outputs["decision"],
            report=decided.outputs["report"],
            settings=settings,
            code_version=version_of_code,
            tracking_uri=inputs.tracking_uri,
            ledger_uri=inputs.ledger_uri,
            run_name=inputs.run_name,
        )
        with dsl.If(decided.outputs["Output"] == True, "passed"):  # noqa: E712 - builds a condition of the graph
            nominated = _nominated(
                task,
                inputs,
                rows["catalogue"],
                networks["distilled"],
                {**evidence, "decision": decided.outputs["decision"]},
                registered.outputs,
            )
        never_from_cache(serving, registered, nominated)

    return pipeline(task, "", build, cluster)


def _trained_networks(
    task: Task, cluster: Cluster | None, inputs: Inputs, prepared: Prepared
) -> tuple[dict[str, Any], Any, dsl.PipelineTask]:
    """Baseline and distilled student, what the teacher says of all rows, and the step that distils."""
    rows, privileged, seed, checkpoints = prepared.rows, prepared.privileged, inputs.seed, inputs.checkpoints
    of_labels = {**rows, "recipe": task.recipe.of_labels().model_dump_json()}
    baseline = train_baseline(**of_labels, seed=seed, checkpoints=checkpoints)
    teacher = train_teacher(**rows, privileged=privileged, seed=seed, checkpoints=checkpoints)
    taught = {"privileged": privileged, "teacher": teacher.outputs["teacher"]}
    scored = score_teacher(**rows, **taught, seed=seed, checkpoints=checkpoints)
    teacher_scores, soft_targets = scored.outputs["teacher_scores"], scored.outputs["soft_targets"]
    worth = check_teacher(**rows, baseline=baseline.outputs["baseline"], teacher_scores=teacher_scores)
    distilled = distill_student(**rows, soft_targets=soft_targets, seed=seed, checkpoints=checkpoints).after(worth)
    spread(task, cluster, baseline, teacher, scored, distilled)
    networks = {"baseline": baseline.outputs["baseline"], "distilled": distilled.outputs["distilled"]}
    return networks, teacher_scores, distilled


def _nominated(
    task: Task, inputs: Inputs, catalogue: Any, distilled: Any, evidence: dict[str, Any], registered: dict[str, Any]
) -> dsl.PipelineTask:
    """What a student that passed goes through: an archive that answers as the student did, and then the alias."""
    packed = package(
        distilled=distilled, evaluation=evidence["evaluation"], task=task.task, version=registered["version"]
    )
    archive = packed.outputs["archive"]
    parity = check_parity(
        archive=archive,
        catalogue=catalogue,
        scores=evidence["scores"],
        task=task.task,
        modalities=list(task.modalities),
    )
    return nominate(
        archive=archive,
        decision=evidence["decision"],
        parity=parity.outputs["parity"],
        task=task.task,
        run_id=registered["run_id"],
        version=registered["version"],
        tracking_uri=inputs.tracking_uri,
        ledger_uri=inputs.ledger_uri,
    )
