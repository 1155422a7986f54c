"""A training over several pods, as a TrainJob of Kubeflow Trainer, in each form that its API has had."""

from typing import Any

from pipelines.cluster.settings import Cluster, PodSettings

POD = "node"  # the name of the pods and of their container in Trainer's torch-distributed runtime
API_VERSION = "trainer.kubeflow.org/v1alpha1"


def train_job(pod: PodSettings, nodes: int, processes: int, image: str, cluster: Cluster) -> dict[str, Any]:
    """The TrainJob but for its name and what it trains, which ``components.shared.launching`` knows.

    ``nodes`` pods, each with the GPUs and mounts of ``pod`` and as many processes as GPUs.
    """
    amounts = {"memory": pod.memory, pod.gpu: str(processes), **({"cpu": pod.cpu} if pod.cpu else {})}
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainJob",
        "metadata": {"namespace": cluster.namespace},
        "spec": {
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": cluster.trainer_runtime,
            },
            "trainer": {
                "image": image,
                "command": ["torchrun"],  # Trainer says in its environment how many there are and where the first is
                "numNodes": nodes,
                "numProcPerNode": processes,
                "resourcesPerNode": {"requests": amounts, "limits": amounts},
                "env": _secrets(cluster),
            },
            **_with_pods(_pod_spec(pod, cluster), cluster.trainer_api),
        },
    }  # fmt: skip


def _secrets(cluster: Cluster) -> list[dict[str, Any]]:
    """The variables that steps get out of secrets: these pods, too, read the bucket of clips."""
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for secret, variables in cluster.secrets.items()
        for key, variable in variables.items()
    ]


def _pod_spec(pod: PodSettings, cluster: Cluster) -> dict[str, Any]:
    """What the runtime's pods get beside what they have."""
    shared = {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": pod.shared_memory or pod.memory}}
    claims = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in cluster.volumes.values()]
    mounts = [{"name": name, "mountPath": path} for path, name in cluster.volumes.items()]
    mounts.append({"name": "shared-memory", "mountPath": "/dev/shm"})  # noqa: S108 - where workers pass batches
    return {
        **({"serviceAccountName": cluster.service_account} if cluster.service_account else {}),
        **({"nodeSelector": pod.node_selector} if pod.node_selector else {}),
        **(
            {"tolerations": [each.model_dump(exclude_none=True) for each in pod.tolerations]} if pod.tolerations else {}
        ),
        "volumes": [*claims, shared],
        "containers": [{"name": POD, "volumeMounts": mounts}],
    }


def _with_pods(spec: dict[str, Any], api: str) -> dict[str, Any]:
    """``spec`` where this version of the API takes it: it was moved with 2.1 and with 2.2."""
    targets = [{"name": POD}]
    if api == "v2.0":
        return {"podSpecOverrides": [{"targetJobs": targets, **spec}]}
    if api == "v2.1":
        return {"podTemplateOverrides": [{"targetJobs": targets, "spec": spec}]}
    job = {"name": POD, "template": {"spec": {"template": {"spec": spec}}}}
    patch = {"template": {"spec": {"replicatedJobs": [job]}}}
    return {"runtimePatches": [{"manager": "cpfd.pipelines", "trainingRuntimeSpec": patch}]}
