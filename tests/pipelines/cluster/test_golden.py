"""The compiled pipeline of a task against a golden file: what each step reads, waits for and asks of its pod.

Code digests and settings, which any change moves, are left out. Where the graph was meant to change, the message says
how the file is renewed; the difference is then read in the commit.
"""

from pathlib import Path
from typing import Any

import yaml
from stand_in.replay import parsed

from pipelines.cluster.settings import Cluster
from pipelines.graphs.compile import compile_task
from pipelines.task import load_task

GOLDEN = Path(__file__).with_name("golden.yaml")


def source(given: Any) -> str:
    """Where an input comes from, in a word."""
    kind = given.WhichOneof("kind")
    value = getattr(given, kind)
    if kind == "task_output_parameter":
        return f"{value.producer_task}.{value.output_parameter_key}"
    if kind == "task_output_artifact":
        return f"{value.producer_task}.{value.output_artifact_key}"
    if kind == "runtime_value":
        return "a constant"
    return f"input {value}" if isinstance(value, str) else kind


def graph(dag: Any) -> dict[str, Any]:
    found = {}
    for name, task in sorted(dag.tasks.items()):
        inputs = {**dict(task.inputs.parameters), **dict(task.inputs.artifacts)}
        read = {key: said for key, each in sorted(inputs.items()) if (said := source(each)) != "a constant"}
        found[name] = {
            "reads": read,
            "after": sorted(task.dependent_tasks),
            "cached": task.caching_options.enable_cache,
        }
        if condition := task.trigger_policy.condition:
            found[name]["if"] = condition
        if task.trigger_policy.strategy:
            found[name]["strategy"] = int(task.trigger_policy.strategy)
    return found


def summary(compiled: Path) -> dict[str, Any]:
    pipeline = parsed(compiled)
    graphs = {"root": graph(pipeline.root.dag)}
    graphs |= {name: graph(each.dag) for name, each in sorted(pipeline.components.items()) if each.HasField("dag")}
    return {
        "name": pipeline.pipeline_info.name,
        "parameters": sorted(pipeline.root.input_definitions.parameters),
        **graphs,
    }


def test_the_graph_is_the_one_that_was_agreed_on(tmp_path):
    found = summary(compile_task(load_task("low_quality"), tmp_path / "p.yaml", Cluster()))
    written = yaml.safe_dump(found, sort_keys=False, default_flow_style=None, width=120)
    renewed = tmp_path / "golden.yaml"
    renewed.write_text(written)
    assert yaml.safe_load(GOLDEN.read_text()) == found, f"if the graph was meant to change: cp {renewed} {GOLDEN}"


def test_another_wire_is_noticed(tmp_path):
    found = summary(compile_task(load_task("low_quality"), tmp_path / "p.yaml", Cluster()))
    run = found["comp-exit-handler-1"]
    run["distill-student"]["reads"]["soft_targets"] = "retrieve-features.privileged"
    assert yaml.safe_load(GOLDEN.read_text()) != found
