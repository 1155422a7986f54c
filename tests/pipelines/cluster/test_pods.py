"""What compiled steps ask of a cluster, read back by the official protobufs."""

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from stand_in.replay import parsed

from pipelines.cluster.settings import Cluster, Pods, PodSettings, Toleration
from pipelines.graphs.compile import compile_task
from pipelines.graphs.pipeline import resolved_settings

IMAGE = "registry.example/cpfd@sha256:" + "0" * 64
TRAINING = {"train-baseline", "train-teacher", "score-teacher", "distill-student"}


@pytest.fixture(scope="module")
def big(task):
    """Two A100 a training, on spot nodes."""
    training = PodSettings(
        cpu="16",
        memory="64Gi",
        node_selector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"},
        tolerations=(Toleration(key="spot", operator="Exists", effect="NoSchedule"),),
        shared_memory="8Gi",
        retries=5,
    )
    return task.model_copy(
        update={"pods": Pods(training=training), "training": task.training.model_copy(update={"processes": 2})}
    )


@pytest.fixture(scope="module")
def compiled(big, tmp_path_factory):
    return compile_task(big, tmp_path_factory.mktemp("compiled") / "p.yaml", Cluster(image=IMAGE))


@pytest.fixture(scope="module")
def containers(compiled) -> dict:
    executors = json_format.MessageToDict(parsed(compiled).deployment_spec)["executors"]
    return {name.removeprefix("exec-"): each["container"] for name, each in executors.items()}


@pytest.fixture(scope="module")
def pods(compiled) -> dict:
    _, platforms = yaml.safe_load_all(compiled.read_text())
    executors = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    read = {name: kubernetes_executor_config_pb2.KubernetesExecutorConfig() for name in executors}
    return {name.removeprefix("exec-"): json_format.ParseDict(executors[name], each) for name, each in read.items()}


def test_every_step_runs_the_image_that_is_named_by_its_digest(containers):
    assert {each["image"] for each in containers.values()} == {IMAGE}
    assert len(containers) == 21


def test_steps_on_gpus_may_have_an_image_of_their_own(big, tmp_path):
    cluster = Cluster(image="cpfd/steps:1", gpu_image="cpfd/training:1")
    executors = json_format.MessageToDict(parsed(compile_task(big, tmp_path / "p.yaml", cluster)).deployment_spec)
    images = {name.removeprefix("exec-"): each["container"]["image"] for name, each in executors["executors"].items()}
    assert {name for name, image in images.items() if image == cluster.gpu_image} == TRAINING
    assert set(images.values()) == {cluster.image, cluster.gpu_image}


def test_trainings_have_the_gpus_and_the_node_that_the_task_asks_for(containers, pods):
    gpus = {name for name, each in containers.items() if "accelerator" in each.get("resources", {})}
    assert gpus == TRAINING
    for name in TRAINING:
        asked = containers[name]["resources"]
        assert asked["accelerator"]["resourceCount"] == "2"
        assert asked["accelerator"]["resourceType"] == "nvidia.com/gpu"
        assert (asked["resourceMemoryLimit"], asked["resourceCpuLimit"]) == ("64Gi", "16")
        assert dict(pods[name].node_selector.labels) == {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
        assert [each.key for each in pods[name].tolerations] == ["spot"]
        (shared,) = pods[name].empty_dir_mounts
        assert (shared.mount_path, shared.size_limit, shared.medium) == ("/dev/shm", "8Gi", "Memory")  # noqa: S108
    assert not pods["gate"].node_selector.labels
    assert containers["gate"]["resources"]["resourceMemoryLimit"] == "4Gi"


def test_every_pod_has_the_volume_and_the_secret(containers, pods):
    assert set(pods) == set(containers)
    for each in pods.values():
        assert [mount.mount_path for mount in each.pvc_mount] == ["/mnt/cpfd"]
        assert [secret.secret_name for secret in each.secret_as_env] == ["cpfd-postgres"]


def test_steps_are_repeated_but_the_one_that_gives_way(compiled):
    inner = parsed(compiled).components["comp-exit-handler-1"].dag.tasks
    tries = {name: task.retry_policy.max_retry_count for name, task in inner.items() if "condition" not in name}
    assert {name for name, count in tries.items() if count == 5} == TRAINING
    assert tries["open-run"] == 0
    assert tries["validate-data"] == 2
    within = inner["train-teacher"].retry_policy.backoff_max_duration.seconds
    assert within >= 14 * 24 * 3600  # Kubeflow ends an attempt that is longer than this after the first began


def test_a_run_is_no_function_of_its_pods(task, big):
    assert resolved_settings(task.model_copy(update={"pods": big.pods})) == resolved_settings(task)


@pytest.mark.parametrize(
    ("key", "value"), [("memory", "lots"), ("memory", "1.5Gi"), ("cpu", "16Gi"), ("retries", 11), ("gpus", 2)]
)
def test_what_is_no_pod_is_refused(key, value):
    with pytest.raises(ValueError, match=key):
        PodSettings(**{key: value})


def test_media_are_opened_and_decoded_by_as_many_pods_as_the_task_asks_for(big, tmp_path):
    pods = big.pods.model_copy(update={"media": 8})
    spread = parsed(compile_task(big.model_copy(update={"pods": pods}), tmp_path / "p.yaml", Cluster(image=IMAGE)))
    run = spread.components["comp-exit-handler-1"].dag.tasks
    readers = {"probe-part": ("validate-data", "select-window"), "decode-part": ("decode-clips", "validate-features")}
    loops = [name for name, each in run.items() if each.HasField("parameter_iterator")]
    assert len(loops) == len(readers)
    for loop in loops:
        assert run[loop].parameter_iterator.items.raw == "[0, 1, 2, 3, 4, 5, 6, 7]"
        (inside,) = spread.components[run[loop].component_ref.name].dag.tasks
        reader, before = readers.pop(inside)
        assert before in run[loop].dependent_tasks
        assert run[reader].inputs.parameters["parts"].task_output_parameter.producer_task == loop
