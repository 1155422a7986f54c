"""Pipelines as objects of Kubernetes: what they hold is the compiled pipeline, and a version is what it runs."""

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from pipelines.cluster.settings import Cluster
from pipelines.graphs.compile import compile_objects, compile_task
from pipelines.task import load_task

CLUSTER = Cluster(image="cpfd/steps@sha256:" + "0" * 64, namespace="ours")


def test_objects_hold_the_compiled_pipeline_and_its_pods(tmp_path):
    task = load_task("fight")
    written = compile_objects(task, tmp_path / "objects.yaml", CLUSTER).read_text()
    pipeline, version = yaml.safe_load_all(written)
    spec, platform = yaml.safe_load_all(compile_task(task, tmp_path / "pipeline.yaml", CLUSTER).read_text())
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert {each["metadata"]["namespace"] for each in (pipeline, version)} == {"ours"}
    assert pipeline["metadata"]["name"] == version["spec"]["pipelineName"] == spec["pipelineInfo"]["name"]
    assert version["spec"]["pipelineSpec"] == spec
    assert version["spec"]["platformSpec"] == platform
    json_format.ParseDict(version["spec"]["pipelineSpec"], PipelineSpec())
    assert len(written) < 1_000_000  # Kubernetes takes objects of at most a mebibyte and a half


def test_a_version_is_named_by_what_it_runs(tmp_path):
    task = load_task("fight")

    def name(of) -> str:
        *_, version = yaml.safe_load_all(compile_objects(of, tmp_path / "objects.yaml", CLUSTER).read_text())
        return version["metadata"]["name"]

    changed = task.model_copy(update={"training": task.training.model_copy(update={"epochs": 1})})
    assert name(task) == name(task) != name(changed)
    assert name(task).startswith("cpfd-fight-")
