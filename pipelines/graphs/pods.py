"""What a step asks of the cluster: its pod's size, node and mounts, and when it is repeated or taken from the cache."""

from kfp import dsl, kubernetes
from kfp.dsl import pipeline_context

from pipelines.cluster.settings import Cluster, PodSettings

# The first pause, which doubles; and within what time of its first start a step may be repeated: Kubeflow also ends a
# later attempt when that is over, so that it must be longer than any training.
FIRST_PAUSE, REPEATED_WITHIN = "30s", "2592000s"


def fit(step: dsl.PipelineTask, pod: PodSettings, gpus: int = 0) -> None:
    """Give a step the pod that its task file asks for, with so many GPUs and the shared memory to feed them from."""
    step.set_memory_limit(pod.memory).set_memory_request(pod.memory)
    if pod.cpu:
        step.set_cpu_limit(pod.cpu).set_cpu_request(pod.cpu)
    if pod.retries:
        step.set_retry(
            pod.retries, backoff_duration=FIRST_PAUSE, backoff_factor=2, backoff_max_duration=REPEATED_WITHIN
        )
    for key, value in pod.node_selector.items():
        kubernetes.add_node_selector(step, key, value)
    for each in pod.tolerations:
        kubernetes.add_toleration(step, each.key, each.operator, each.value, each.effect)
    if gpus:
        step.set_accelerator_type(pod.gpu).set_accelerator_limit(gpus)
        kubernetes.empty_dir_mount(
            step,
            volume_name="shared-memory",
            mount_path="/dev/shm",  # noqa: S108 - where PyTorch's workers pass batches
            medium="Memory",
            size_limit=pod.shared_memory or pod.memory,
        )


def fit_all(pod: PodSettings, cluster: Cluster) -> None:
    """Fit the steps of the graph that is being built: the small ones to ``pod``, and all of them to the cluster."""
    for step in pipeline_context.Pipeline.get_default_pipeline().tasks.values():
        if step.container_spec.resources is None:  # not fitted yet
            fit(step, pod)
        if image := cluster.image_of(step.container_spec.resources.accelerator_count or 0):
            step.set_container_image(image)
        for path, claim in cluster.volumes.items():
            kubernetes.mount_pvc(step, pvc_name=claim, mount_path=path)
        for secret, variables in cluster.secrets.items():
            kubernetes.use_secret_as_env(step, secret_name=secret, secret_key_to_env=dict(variables))


def never_from_cache(*steps: dsl.PipelineTask) -> None:
    """Steps that act on the world outside their outputs, or whose outputs are looked for in the run's own folder."""
    for step in steps:
        step.set_caching_options(False)
