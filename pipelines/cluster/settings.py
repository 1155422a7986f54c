"""Settings of a cluster: where it keeps things (cluster.yaml), and what the pods of a task ask for (its task file)."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from common.errors import UserError
from common.settings_files import read_settings
from promotion.errors import NOTHING_SECRET, has_password

CPUS, BYTES = r"^[0-9]+m?$", r"^[0-9]+[KMGTPE]i?$"  # as KFP takes amounts, whose limits must be as its requests
FILE = "cluster.yaml"


class ClusterError(UserError):
    """cluster.yaml cannot be read as it is, or Kubeflow refuses what it is asked. The message says what to do."""


class Toleration(BaseModel, frozen=True, extra="forbid"):
    """A taint of nodes that pods may be put on all the same, such as that of spot nodes."""

    key: str
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class PodSettings(BaseModel, frozen=True, extra="forbid"):
    """What a step's pod asks of its node. A kind of GPU is chosen by ``node_selector``, as nodes are labelled."""

    cpu: str | None = Field(None, pattern=CPUS)
    memory: str = Field("4Gi", pattern=BYTES)
    gpu: str = Field("nvidia.com/gpu", description="the resource that counts GPUs; as many as training.processes")
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    shared_memory: str | None = Field(None, pattern=BYTES, description="None: as large as the memory")
    retries: int = Field(0, ge=0, le=10, description="after a failure, with pauses that double from half a minute")


class Pods(BaseModel, frozen=True, extra="forbid"):
    """Pods of the steps that train or score on a GPU, and of all others."""

    # X-VLM base with AdamW's moments takes 4 GiB; the rest is for batches and workers. Trainings resume when repeated.
    training: PodSettings = PodSettings(memory="16Gi", retries=3)
    steps: PodSettings = PodSettings(retries=2)
    media: int = Field(1, ge=1, le=1000, description="pods that open and decode videos side by side")


class ServingPods(BaseModel, frozen=True, extra="forbid"):
    """How students are served by KServe. ``deploy/`` makes the runtime, the gateway and the account named here.

    Requests reach a version through ``gateway`` (Gateway API), or by KServe's own splitting of traffic: ``standard``
    (InferenceService's ``canary``, KServe 0.20 or newer) or ``knative`` (``canaryTrafficPercent``).
    """

    routing: Literal["gateway", "standard", "knative"] = "gateway"
    gateway: str = "cpfd"
    host: str = "cpfd.local"
    artifacts: str = Field(
        "pvc://cpfd/mlflow", description="where MLflow keeps artifacts, as KServe's storage reads it"
    )
    service_account: str = Field("cpfd-serving", description="its secrets open the storage")
    replicas: int = Field(1, ge=1)
    most_replicas: int = Field(3, ge=1)
    cpu: str = Field("1", pattern=CPUS)
    # TorchServe, its JVM and one worker with a small student take 1.2 GiB; X-VLM base in single precision 0.9 more.
    memory: str = Field("3Gi", pattern=BYTES)


class Cluster(BaseModel, frozen=True, extra="forbid"):
    """Where pods find things. The defaults: one volume, MLflow and PostgreSQL as services of the namespace.

    ``volumes`` are claims by where they are mounted; ``secrets`` the variables that pods get, by secret and key.
    """

    image: str | None = Field(None, description="of the steps, best by digest; None: what components/base.py names")
    gpu_image: str | None = Field(None, description="of those that ask for a GPU; None: as the others")
    namespace: str = "kubeflow"
    experiment: str = "cpfd"
    service_account: str | None = None
    corpora: str = "/mnt/cpfd/corpora"
    checkpoints: str = "/mnt/cpfd/checkpoints"
    clip_store: str = Field("file:///mnt/cpfd/clips", description="a URL: clips are read from there, not copied")
    feature_registry: str = "/mnt/cpfd/feast/registry.db"
    feature_profile: Literal["local", "spark"] = "local"
    tracking_uri: str = "http://mlflow:5000"
    ledger_uri: str = "postgresql+psycopg://cpfd@postgres/cpfd"
    volumes: dict[str, str] = {"/mnt/cpfd": "cpfd"}
    secrets: dict[str, dict[str, str]] = {"cpfd-postgres": {"password": "PGPASSWORD"}}
    trainer_api: Literal["v2.0", "v2.1", "v2.2"] = Field("v2.2", description="of Kubeflow Trainer; v2.2 and newer")
    trainer_runtime: str = "torch-distributed"
    serving: ServingPods = ServingPods()

    @field_validator("clip_store")
    @classmethod
    def _clips_by_url(cls, store: str) -> str:
        if "://" not in store:
            raise ValueError("it must be a URL, as s3://bucket/clips or file:///mnt/cpfd/clips")
        return store

    @field_validator("tracking_uri", "ledger_uri")
    @classmethod
    def _no_password(cls, uri: str) -> str:
        if has_password(uri):  # it would be read by whoever may look at a run
            raise ValueError(NOTHING_SECRET)
        return uri

    @classmethod
    def read(cls, folder: Path) -> "Cluster":
        """What cluster.yaml of a workspace says; without one the defaults. Raises ClusterError."""
        file = folder / FILE
        return read_settings(file, cls, ClusterError) if file.is_file() else cls()

    def image_of(self, gpus: int) -> str | None:
        """That of a step with so many GPUs; None for the one that components/base.py names."""
        return (self.gpu_image if gpus else None) or self.image

    def corpus(self, name: str) -> str:
        """The corpus that a task names: below ``corpora``, or a path of its own, as pods see it."""
        return name if "/" in name else f"{self.corpora}/{name}"
