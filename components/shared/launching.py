"""Where a step's training runs: in its own pod, or in several pods of a TrainJob that it starts and waits for."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from common.errors import BusyError
from common.files import locked, remove, whole
from components.shared import TRAIN_JOB
from models.jobs.work import Work
from models.training.loop import TrainingError

POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
PAUSE = 5  # seconds between two looks at a training of hours
GONE, THERE_ALREADY, SERVER_FAULT = 404, 409, 500


def launch(work: Work) -> None:
    """Run the work, over several pods if the step was told to.

    One at a time where the work is the same, such as the baseline of two tasks that differ in distillation alone: its
    checkpoints are kept under one name.

    Raises:
        TrainingError: the TrainJob failed, or was deleted.
    """
    template = os.environ.get(TRAIN_JOB)
    if work.checkpoints is None:
        if template:
            raise TrainingError("training.nodes needs a folder of checkpoints that all pods share")
        work.run()
        return
    name = work.fingerprint()
    work.checkpoints.mkdir(parents=True, exist_ok=True)
    with _alone(work.checkpoints / f"{name}.lock"):
        if template:
            _launch_pods(work, work.checkpoints, name, template)
        else:
            work.run()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(locked(lock, busy="another run does the same work"))
        except BusyError as error:
            print(f"{error}: this one waits for it", flush=True)
            held.enter_context(locked(lock))
        yield


def _launch_pods(work: Work, checkpoints: Path, name: str, template: str) -> None:
    """Inputs are copied to the folder of checkpoints, which all pods share, and the output from there.

    A step that is repeated finds its TrainJob by its name, which is made of all that the work is a function of, and
    waits on.
    """
    folder = checkpoints / "jobs" / name
    folder.mkdir(parents=True, exist_ok=True)
    moved = {each: _copied(path, folder / each) for each in work.inputs if (path := getattr(work, each)) is not None}
    result = folder / "output"
    with whole(folder / "job.json") as partial:
        partial.write_text(work.model_copy(update={**moved, "output": result}).model_dump_json())
    train = _TrainJob(json.loads(template), f"cpfd-{name}", work.module, folder / "job.json")
    train.run()
    shutil.copytree(result, work.output, dirs_exist_ok=True)
    train.delete()  # after the copy: a step that ends in between finds it complete
    remove(folder)


def _copied(source: Path, target: Path) -> Path:
    if not target.exists():
        with whole(target) as partial:
            shutil.copytree(source, partial) if source.is_dir() else shutil.copyfile(source, partial)
    return target


class _TrainJob:
    """A TrainJob of this name, which does the work in a file."""

    def __init__(self, manifest: dict[str, Any], name: str, module: str, job: Path) -> None:
        from kubernetes import client, config

        if POD_TOKEN.is_file():
            config.load_incluster_config()
        else:
            config.load_kube_config(os.environ.get("KUBECONFIG"))
        manifest["metadata"]["name"] = name
        manifest["spec"]["trainer"]["args"] = ["-m", module, str(job)]
        group, version = manifest["apiVersion"].split("/")
        self.name, self._manifest, self._reason = name, manifest, job.with_name("reason.txt")
        self._where = (group, version, manifest["metadata"]["namespace"], "trainjobs")
        self._api = client.CustomObjectsApi()

    def run(self) -> None:
        """Start it unless it is there, and wait for its end."""
        from kubernetes.client import ApiException

        try:
            self._api.create_namespaced_custom_object(*self._where, self._manifest)
            pods = f"kubectl logs -l jobset.sigs.k8s.io/jobset-name={self.name}"
            print(f"TrainJob {self.name} is started; its pods: {pods}", flush=True)
        except ApiException as error:
            if error.status != THERE_ALREADY:
                raise TrainingError(f"the TrainJob {self.name} is refused ({error.status}): {error.body}") from error
            print(f"TrainJob {self.name} goes on", flush=True)
        failure = _failure(lambda: self._api.get_namespaced_custom_object(*self._where, self.name), self.name)
        if failure:
            self.delete()  # so that the step, when it is repeated, starts another
            why = self._reason.read_text() if self._reason.is_file() else failure
            self._reason.unlink(missing_ok=True)
            raise TrainingError(f"the TrainJob {self.name} failed: {why}")

    def delete(self) -> None:
        self._api.delete_namespaced_custom_object(*self._where, self.name, propagation_policy="Foreground")


def _failure(ask: Callable[[], Any], name: str) -> str:
    """Wait for the end of a TrainJob. Returns what it says of its failure, '' if it is complete."""
    from kubernetes.client import ApiException

    while True:
        try:
            found = ask()
        except ApiException as error:
            if error.status == GONE:
                raise TrainingError(f"the TrainJob {name} was deleted while it ran") from error
            if error.status is not None and error.status < SERVER_FAULT:
                raise
            print(f"TrainJob {name}: the cluster does not answer ({error.reason})", flush=True)
            time.sleep(PAUSE)
            continue
        conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
        ended = {kind: each for kind, each in conditions.items() if each["status"] == "True"}
        if "Complete" in ended:
            return ""
        if "Failed" in ended:
            return ended["Failed"].get("message") or "its pods say why"
        time.sleep(PAUSE)
