"""Trainings over several pods: what Kubeflow Trainer is sent, in each form, and that a step's training comes of it."""

import json
from pathlib import Path

import pytest
import torch
from google.protobuf import json_format
from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob
from safetensors.torch import load_file
from stand_in.manifests import refused
from stand_in.replay import parsed
from stand_in.trainer import Trainer, served

from common.artifacts import WEIGHTS
from components.shared import TRAIN_JOB, launching
from models.data.dense import dense_matrix
from models.jobs.scoring import SOFT_TARGETS, Scoring
from models.jobs.training import Training
from models.training.loop import TrainingError
from models.training.new_networks import new_teacher
from models.training.settings import Recipe
from models.training.teachers import teacher_names
from pipelines.cluster.settings import Cluster, Pods, PodSettings, Toleration
from pipelines.cluster.train_job import train_job
from pipelines.graphs.compile import compile_task

POD = PodSettings(
    memory="64Gi",
    cpu="16",
    node_selector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"},
    tolerations=(Toleration(key="spot", operator="Exists", effect="NoSchedule"),),
)
SPREAD = {"train-baseline", "train-teacher", "score-teacher", "distill-student"}
FORMS = {"v2.0": "podSpecOverrides", "v2.1": "podTemplateOverrides", "v2.2": "runtimePatches"}


def job(api: str = "v2.2", nodes: int = 2, pod: PodSettings = POD) -> dict:
    made = train_job(pod, nodes, 1, "cpfd/training:1", Cluster(trainer_api=api, service_account="trainer"))
    made["metadata"]["name"] = "cpfd-teachers-0123"
    made["spec"]["trainer"]["args"] = ["-m", "models.jobs.training", "/mnt/cpfd/checkpoints/jobs/x/job.json"]
    return made


def test_the_newest_form_is_taken_and_comes_back_whole(schemas):
    assert refused(job(), schemas) == ""
    read = TrainerV1alpha1TrainJob.from_dict(job())
    assert json.loads(read.to_json()) == job()  # its models drop what they do not know
    wrong = json.loads(json.dumps(job()).replace("numNodes", "numNode"))
    assert "numNode" in refused(wrong, schemas)


@pytest.mark.parametrize("api", FORMS)
def test_each_form_says_the_same_of_the_pods(api):
    spec = job(api)["spec"]
    assert set(spec) - {"runtimeRef", "trainer"} == {FORMS[api]}
    (variable,) = spec["trainer"]["env"]
    assert variable["name"] == "PGPASSWORD"
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "cpfd-postgres", "key": "password"}}
    said = json.dumps(spec[FORMS[api]])
    parts = ("NVIDIA-A100-SXM4-80GB", '"key": "spot"', '"claimName": "cpfd"', '"serviceAccountName": "trainer"')
    for part in (*parts, "/mnt/cpfd", "/dev/shm"):  # noqa: S108
        assert part in said
    assert spec["trainer"]["resourcesPerNode"]["limits"] == {"memory": "64Gi", "cpu": "16", "nvidia.com/gpu": "1"}


def test_a_task_of_several_nodes_starts_them_from_steps_without_gpus(task, tmp_path):
    training = task.training.model_copy(update={"nodes": 2, "processes": 4})
    spread = task.model_copy(update={"training": training, "pods": Pods(training=POD)})
    compiled = parsed(compile_task(spread, tmp_path / "p.yaml", Cluster(gpu_image="cpfd/training:1")))
    executors = json_format.MessageToDict(compiled.deployment_spec)["executors"]
    containers = {name.removeprefix("exec-"): each["container"] for name, each in executors.items()}
    told = {
        name: json.loads(variable["value"])
        for name, each in containers.items()
        for variable in each.get("env", [])
        if variable["name"] == TRAIN_JOB
    }
    assert set(told) == SPREAD
    assert {each["spec"]["trainer"]["numNodes"] for each in told.values()} == {2}
    assert {each["spec"]["trainer"]["image"] for each in told.values()} == {"cpfd/training:1"}
    assert not [name for name, each in containers.items() if "accelerator" in each.get("resources", {})]


@pytest.fixture
def trainer(schemas, tmp_path, monkeypatch):
    """The stand-in, and a step's environment beside it."""
    made = Trainer(schemas)
    with served(made, tmp_path) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        monkeypatch.setenv(TRAIN_JOB, json.dumps(job(pod=PodSettings())))
        monkeypatch.setattr(launching, "PAUSE", 0.2)
        yield made


@pytest.fixture
def settings(task):
    return task.recipe


def with_training(settings: Recipe, **changes: int) -> str:
    training = settings.training.model_copy(update={"epochs": 1, **changes})
    return settings.model_copy(update={"training": training}).model_dump_json()


@pytest.fixture
def given(artifacts, settings, tmp_path) -> dict[str, str | int]:
    return {
        "recipe": with_training(settings, nodes=2),
        "seed": 0,
        "checkpoints": str(tmp_path / "checkpoints"),
        "catalogue": str(artifacts / "catalogue.parquet"),
        "clips": str(artifacts / "clips.arrow"),
    }


def described(folder: Path, given: dict[str, str | int]) -> Training:
    return Training.described(str(folder / "baseline"), kind="baseline", **given)


def test_two_pods_train_what_two_processes_of_one_machine_train(trainer, given, settings, tmp_path):
    launching.launch(described(tmp_path, given))
    (sent,) = trainer.created
    assert sent["spec"]["trainer"]["numNodes"] == 2
    assert trainer.jobs == {}  # it is tidied up
    assert not list((tmp_path / "checkpoints" / "jobs").iterdir())
    alone = {**given, "recipe": with_training(settings, processes=2)}
    Training.described(str(tmp_path / "alone"), kind="baseline", **alone).run()
    ours, theirs = (load_file(tmp_path / name / WEIGHTS) for name in ("baseline", "alone"))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_two_pods_score_what_two_processes_of_one_machine_score(
    trainer, given, settings, artifacts, run_data, tmp_path
):
    _, names = dense_matrix(artifacts / "privileged", [])
    for name in teacher_names(settings.distillation):
        new_teacher(run_data, settings, names, "raw and dense", 0).save_pretrained(tmp_path / "teacher" / name)
    given |= {"privileged": str(artifacts / "privileged"), "teacher": str(tmp_path / "teacher")}
    launching.launch(Scoring.described(str(tmp_path / "pods"), **given))
    (sent,) = trainer.created
    assert sent["spec"]["trainer"]["args"][:2] == ["-m", "models.jobs.scoring"]
    assert trainer.jobs == {}
    alone = {**given, "recipe": with_training(settings, processes=2)}
    Scoring.described(str(tmp_path / "alone"), **alone).run()
    ours, theirs = ((tmp_path / name / SOFT_TARGETS).read_bytes() for name in ("pods", "alone"))
    assert ours == theirs


def test_why_a_pod_failed_is_why_the_step_fails(trainer, given, tmp_path):
    (tmp_path / "clips").write_text("no clips")
    with pytest.raises(TrainingError, match=r"the TrainJob cpfd-baseline-\w+ failed: .*too small"):
        launching.launch(described(tmp_path, {**given, "clips": str(tmp_path / "clips")}))
    assert trainer.jobs == {}  # the step that is repeated starts another
    assert not list(tmp_path.rglob("reason.txt"))


def test_what_is_refused_and_what_has_no_shared_folder_is_said(trainer, given, tmp_path, monkeypatch):
    with pytest.raises(TrainingError, match="folder of checkpoints that all pods share"):
        launching.launch(described(tmp_path, {**given, "checkpoints": ""}))
    wrong = json.dumps(job(pod=PodSettings())).replace("numNodes", "numNode")
    monkeypatch.setenv(TRAIN_JOB, wrong)
    with pytest.raises(TrainingError, match=r"is refused \(422\).*numNode"):
        launching.launch(described(tmp_path, given))


def test_one_machine_says_that_nodes_are_for_clusters(given, tmp_path):
    with pytest.raises(TrainingError, match="training.nodes is for clusters"):
        launching.launch(described(tmp_path, given))
