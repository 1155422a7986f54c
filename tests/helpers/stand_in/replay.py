"""What a cluster does with compiled YAML: each executor's own command line, in order, in an environment of its own."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

Values = dict[str, Any]
CONDITION = re.compile(r"inputs\.parameter_values\['([^']+)'\] == true")


class StepFailedError(Exception):
    """The message ends with what the step printed."""


def parsed(path: Path) -> Any:
    """The pipeline of a compiled file as the official protobuf, which refuses what it does not know."""
    spec = next(yaml.safe_load_all(path.read_text()))
    return json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())


@dataclass
class Replay:
    """Runs a compiled pipeline below ``folder``. ``ran`` says which steps, in order."""

    path: Path
    folder: Path
    placeholders: dict[str, str]
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spec = parsed(self.path)
        self.executors = json_format.MessageToDict(self.spec.deployment_spec)["executors"]

    def run(self, arguments: Values) -> None:
        """Raises StepFailedError after the exit handler has run, as a run's state is that of its steps."""
        root = self.spec.root
        defaults = {
            name: json_format.MessageToDict(each.default_value)
            for name, each in root.input_definitions.parameters.items()
            if each.HasField("default_value")
        }
        self._dag(root.dag, {"parameters": {**defaults, **arguments}, "artifacts": {}})

    def _dag(self, dag: Any, given: Values) -> None:
        made: dict[str, Values] = {}
        failed: dict[str, StepFailedError] = {}
        for name in _in_order(dag):
            task = dag.tasks[name]
            always = task.trigger_policy.strategy == task.trigger_policy.ALL_UPSTREAM_TASKS_COMPLETED
            if failed and not always:
                continue
            inputs = self._inputs(task, given, made, failed)
            condition = task.trigger_policy.condition
            if condition and inputs["parameters"][CONDITION.fullmatch(condition)[1]] is not True:
                continue
            try:
                made[name] = self._task(name, task, inputs)
            except StepFailedError as error:
                failed[name] = error
        if failed:
            raise next(iter(failed.values()))

    def _task(self, name: str, task: Any, inputs: Values) -> Values:
        component = self.spec.components[task.component_ref.name]
        if component.HasField("dag"):
            self._dag(component.dag, inputs)
            return {}
        defined = component.output_definitions
        outputs = {key: self.folder / name / key for key in (*defined.parameters, *defined.artifacts)}
        (self.folder / name).mkdir(parents=True)
        artifacts = {
            key: {"artifacts": [_artifact(key, each.artifact_type.schema_title, outputs[key])]}
            for key, each in defined.artifacts.items()
        }
        executor_input = {
            "inputs": {"parameterValues": inputs["parameters"], "artifacts": inputs["artifacts"]},
            "outputs": {
                "parameters": {key: {"outputFile": str(outputs[key])} for key in defined.parameters},
                "artifacts": artifacts,
                "outputFile": str(self.folder / name / "executor_output.json"),
            },
        }
        self._execute(name, component.executor_label, executor_input)
        said = json.loads((self.folder / name / "executor_output.json").read_text())  # which goes before the files
        parameters = {key: said["parameterValues"][key] for key in defined.parameters}
        return {"parameters": parameters, "artifacts": {**artifacts, **said.get("artifacts", {})}}

    def _execute(self, name: str, label: str, executor_input: Values) -> None:
        container = self.executors[label]["container"]
        arguments = [each.replace("{{$}}", json.dumps(_as_go_writes(executor_input))) for each in container["args"]]
        environment = {each["name"]: each["value"] for each in container.get("env", [])}
        # As many threads as the caller's: sums in another order are other weights.
        environment |= {name: os.environ[name] for name in ("OMP_NUM_THREADS",) if name in os.environ}
        done = subprocess.run(
            [*container["command"], *arguments],
            env={"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(self.folder), **environment},
            cwd=self.folder / name,
            capture_output=True,
            text=True,
            check=False,
        )
        self.ran.append(name)
        if done.returncode:
            raise StepFailedError(f"{name}: {done.stderr[-2_000:]}")

    def _inputs(self, task: Any, given: Values, made: dict[str, Values], failed: dict[str, StepFailedError]) -> Values:
        found: Values = {"parameters": {}, "artifacts": {}}
        for name, each in task.inputs.parameters.items():
            kind = each.WhichOneof("kind")
            if kind == "runtime_value":
                constant = json_format.MessageToDict(each.runtime_value.constant)
                found["parameters"][name] = (
                    self.placeholders.get(constant, constant) if isinstance(constant, str) else constant
                )
            elif kind == "component_input_parameter":
                found["parameters"][name] = given["parameters"][each.component_input_parameter]
            elif kind == "task_final_status":
                state = "FAILED" if failed else "COMPLETE"  # the word of KFP 2.17
                status = {"state": state, "pipelineJobResourceName": "run", "pipelineTaskName": "run", "error": {}}
                found["parameters"][name] = status
            else:
                source = each.task_output_parameter
                found["parameters"][name] = made[source.producer_task]["parameters"][source.output_parameter_key]
        for name, each in task.inputs.artifacts.items():
            if each.component_input_artifact:
                found["artifacts"][name] = given["artifacts"][each.component_input_artifact]
            else:
                source = each.task_output_artifact
                found["artifacts"][name] = made[source.producer_task]["artifacts"][source.output_artifact_key]
        return found


def _in_order(dag: Any) -> list[str]:
    """Each after those that it depends on, and else as they are written."""
    order: list[str] = []
    while len(order) < len(dag.tasks):
        order.append(next(n for n in dag.tasks if n not in order and set(dag.tasks[n].dependent_tasks) <= set(order)))
    return order


def _as_go_writes(value: Any) -> Any:
    """Kubeflow's driver writes whole numbers of JSON without a point, whatever their type."""
    if isinstance(value, dict):
        return {key: _as_go_writes(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_go_writes(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _artifact(name: str, kind: str, path: Path) -> Values:
    return {"name": name, "type": {"schemaTitle": kind}, "uri": str(path)}
