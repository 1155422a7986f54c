"""What serves a task on a cluster, as Kubernetes objects: an InferenceService a version, and the split between them.

Pure functions of what was approved and of the settings. ``deploy/`` holds what does not change with a version.
"""

from dataclasses import dataclass
from typing import Any

from pipelines.cluster.settings import ClusterError, ServingPods

Manifest = dict[str, Any]
RUNTIME, CONTAINER = "cpfd-torchserve", "kserve-container"  # the latter is the name by which KServe joins the two
FORMAT = "cpfd-student"
MODELS, SCRATCH = "/mnt/models", "/var/cpfd"  # where KServe's storage puts what it fetched; a volume of the runtime's
LONGEST_NAME = 40  # characters: KServe adds "-predictor" and suffixes of its own, and a host's label has 63
ANSWERED_WITHIN = "120s"  # what TorchServe itself gives a student (serving/archive.py)


@dataclass(frozen=True)
class Version:
    """A version of a task's student that is to serve: where its archive lies, and the digest that it must have."""

    task: str
    version: str
    storage_uri: str
    sha256: str

    @property
    def task_name(self) -> str:
        """The task's name as Kubernetes takes names. Raises ClusterError if it is too long for one."""
        name = self.task.replace("_", "-").lower()
        if len(name) > LONGEST_NAME:
            raise ClusterError(f"{self.task} is too long a name for KServe: at most {LONGEST_NAME} characters")
        return name

    @property
    def name(self) -> str:
        return f"{self.task_name}-v{self.version}"


@dataclass(frozen=True)
class Rollout:
    """The champion, and what else takes part: the one before it keeps the rest of ``percent``, or a version listens.

    ``shadow`` gets a copy of ``mirrored`` percent of the requests; its answers are thrown away.
    """

    champion: Version
    former: Version | None = None
    percent: int = 100
    shadow: Version | None = None
    mirrored: int = 0


def manifests(rollout: Rollout, namespace: str, serving: ServingPods) -> list[Manifest]:
    """The objects that bring a rollout about, in the order in which they are applied.

    Raises:
        ClusterError: KServe cannot do it this way.
    """
    if serving.routing == "gateway":
        versions = [each for each in (rollout.champion, rollout.former, rollout.shadow) if each is not None]
        services = [_service(each.name, each, predictor(each, serving), namespace, "Standard") for each in versions]
        return [*services, http_route(rollout, namespace, serving)]
    if rollout.shadow is not None:
        raise ClusterError("KServe mirrors no requests: a shadow needs 'serving: {routing: gateway}' in cluster.yaml")
    return [_split_by_kserve(rollout, namespace, serving)]


def predictor(version: Version, serving: ServingPods) -> Manifest:
    """The pods of a version."""
    amounts = {"cpu": serving.cpu, "memory": serving.memory}
    return {
        "minReplicas": serving.replicas,
        "maxReplicas": serving.most_replicas,
        "serviceAccountName": serving.service_account,
        "automountServiceAccountToken": False,
        "labels": _labels(version),
        "model": {
            "name": CONTAINER,  # asked for in a canary alone
            "modelFormat": {"name": FORMAT},
            "runtime": RUNTIME,
            "storageUri": version.storage_uri,
            "args": [
                f"--archive={MODELS}/{version.task}.mar", f"--sha256={version.sha256}", f"--folder={SCRATCH}/server",
            ],
            "resources": {"requests": amounts, "limits": {"memory": serving.memory}},  # a busy pod may use idle cores
        },
    }  # fmt: skip


def http_route(rollout: Rollout, namespace: str, serving: ServingPods) -> Manifest:
    """What splits a task's requests between versions, and copies them to one that only listens (Gateway API v1)."""
    champion = rollout.champion
    to = [_backend(champion) | {"weight": rollout.percent}]
    if rollout.former is not None:
        to.append(_backend(rollout.former) | {"weight": 100 - rollout.percent})
    rule: Manifest = {
        "matches": [{"path": {"type": "Exact", "value": f"/predictions/{champion.task}"}, "method": "POST"}],
        "timeouts": {"request": ANSWERED_WITHIN},
        "backendRefs": to,
    }
    if rollout.shadow is not None:
        mirror = {"backendRef": _backend(rollout.shadow), "percent": rollout.mirrored}
        rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": champion.task_name, "namespace": namespace, "labels": _labels(champion, "routing")},
        "spec": {"parentRefs": [{"name": serving.gateway}], "hostnames": [serving.host], "rules": [rule]},
    }


def _split_by_kserve(rollout: Rollout, namespace: str, serving: ServingPods) -> Manifest:
    """One InferenceService for the task, whose traffic KServe splits."""
    new, former = rollout.champion, rollout.former
    if serving.routing == "knative":  # the rest stays with the revision before, which KServe remembers
        spec = predictor(new, serving)
        if former is not None:
            spec["canaryTrafficPercent"] = rollout.percent
        return _service(new.task_name, new, spec, namespace, "Knative")
    stable = predictor(former or new, serving) | {"name": (former or new).name}
    service = _service(new.task_name, new, stable, namespace, "Standard")
    if former is not None:
        canary = predictor(new, serving) | {"name": new.name}
        service["spec"]["canary"] = [{"predictor": canary, "trafficPercent": rollout.percent}]
    return service


def _service(name: str, version: Version, spec: Manifest, namespace: str, mode: str) -> Manifest:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": _labels(version),
            "annotations": {"serving.kserve.io/deploymentMode": mode},
        },
        "spec": {"predictor": spec},
    }


def _labels(version: Version, component: str = "serving") -> dict[str, str]:
    return {
        "app.kubernetes.io/part-of": "cpfd",
        "app.kubernetes.io/component": component,
        "cpfd/task": version.task,
        "cpfd/version": version.version,
    }


def _backend(version: Version) -> Manifest:
    return {"name": f"{version.name}-predictor", "port": 80}  # the Service that KServe makes for it
