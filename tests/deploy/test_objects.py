"""deploy/ as an API server would read it, and against what the project itself says: names, commands, metrics."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import mlflow.cli
import promql_parser
import pytest
import typer.main
import yaml
from source_code import ROOT
from stand_in.manifests import refused

from pipelines.cli.main import app
from pipelines.cluster.manifests import CONTAINER, FORMAT, MODELS, RUNTIME, SCRATCH
from pipelines.cluster.settings import Cluster
from serving.pod import READY

DEPLOY = ROOT / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
KUSTOMIZATION = "kustomization.yaml"


def read(folder: Path) -> list[dict[str, Any]]:
    files = [path for path in sorted(folder.glob("*.yaml")) if path.name != KUSTOMIZATION]
    return [each for path in files for each in yaml.safe_load_all(path.read_text())]


def built(overlay: str) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip(f"NO KUBECTL: the overlay {overlay} was not built")
    command = ["kubectl", "kustomize", str(DEPLOY / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What our pods are made of, by the name of what makes them."""
    found = {}
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            found[each["metadata"]["name"]] = spec["template"]["spec"]
        if each["kind"] == "ServingRuntime":
            found[each["metadata"]["name"]] = spec
    return found


EVERYTHING = [each for folder in (DEPLOY / "base", *(DEPLOY / "overlays").iterdir()) for each in read(folder)]
NAMED = {(each["kind"], each["metadata"]["name"]): each for each in EVERYTHING}


@pytest.mark.parametrize("folder", [DEPLOY / "base", *(DEPLOY / "overlays" / name for name in OVERLAYS)], ids=str)
def test_every_object_is_taken_and_none_is_forgotten(folder, schemas):
    assert [said for each in read(folder) if (said := refused(each, schemas))] == []
    listed = set(yaml.safe_load((folder / KUSTOMIZATION).read_text())["resources"])
    assert {path.name for path in folder.glob("*.yaml")} - {KUSTOMIZATION} == listed - {"../../base"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_builds_to_objects_that_are_taken(overlay, schemas):
    objects = built(overlay)
    assert [said for each in objects if (said := refused(each, schemas))] == []
    assert {each["metadata"].get("namespace") for each in objects} == {Cluster().namespace}


def test_the_cloud_has_its_own_images_everywhere():
    images = {each["image"] for spec in pods(built("cloud")).values() for each in spec["containers"]}
    assert images == {"registry.example.com/cpfd/steps:0.1.0", "registry.example.com/cpfd/serving:0.1.0"}


@pytest.mark.parametrize(
    ("kind", "name", "change", "said"),
    [
        ("ServingRuntime", RUNTIME, lambda spec: spec.update(containerz=[]), "containerz"),
        ("ServingRuntime", RUNTIME, lambda spec: spec["containers"][0].update(imagee="x"), "imagee"),
        ("Gateway", "cpfd", lambda spec: spec["listeners"][0].update(port=0), "minimum"),
        ("Deployment", "mlflow", lambda spec: spec.update(replicaz=1), "replicaz"),
        ("NetworkPolicy", "desk", lambda spec: spec.update(policyTypes="Ingress"), "Ingress"),
    ],
)
def test_what_is_wrong_is_refused(kind, name, change, said, schemas):
    wrong = yaml.safe_load(yaml.safe_dump(NAMED[kind, name]))
    change(wrong["spec"])
    assert said in refused(wrong, schemas)


def test_pods_are_nobody_in_particular_and_cannot_change_their_own_disk():
    found = pods(EVERYTHING)
    assert set(found) == {"mlflow", "desk", "catchup", "postgres", RUNTIME}
    for name, spec in found.items():
        for container in spec["containers"]:
            confined = {**spec.get("securityContext", {}), **container["securityContext"]}
            assert confined["runAsNonRoot"] is True, name
            assert confined["runAsUser"] > 0, name
            assert confined["allowPrivilegeEscalation"] is False, name
            assert confined["capabilities"] == {"drop": ["ALL"]}, name
            assert confined["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert confined.get("readOnlyRootFilesystem") or name == "postgres", name
            assert container["resources"]["limits"]["memory"], name
        assert name == RUNTIME or spec["automountServiceAccountToken"] is False


def test_containers_run_commands_that_there_are():
    commands = typer.main.get_command(app).commands
    for name, run in (("desk", "cpfd"), ("catchup", "cpfd"), ("mlflow", "mlflow")):
        (container,) = pods(EVERYTHING)[name]["containers"]
        program, command = container["command"]
        assert program == run
        known = commands[command] if run == "cpfd" else mlflow.cli.cli.commands[command]
        known.make_context(command, list(container["args"]))  # raises on an option that it does not know
        with pytest.raises(Exception, match="--unknown"):
            known.make_context(command, ["--unknown"])


def test_names_are_those_that_settings_take_by_default():
    cluster = Cluster()
    assert {("PersistentVolumeClaim", claim) for claim in cluster.volumes.values()} <= set(NAMED)
    assert ("Service", re.search(r"//(\w+):", cluster.tracking_uri)[1]) in NAMED
    assert ("Service", re.search(r"@(\w+)/", cluster.ledger_uri)[1]) in NAMED
    assert ("Gateway", cluster.serving.gateway) in NAMED
    assert ("ServiceAccount", cluster.serving.service_account) in NAMED
    asked = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for spec in pods(EVERYTHING).values()
        for container in spec["containers"]
        for variable in container.get("env", [])
        if "valueFrom" in variable
    }
    assert asked == set(cluster.secrets)
    mlflow_keeps = next(each for each in pods(EVERYTHING)["mlflow"]["containers"][0]["args"] if "destination" in each)
    claim, path = cluster.serving.artifacts.removeprefix("pvc://").split("/", 1)
    mounted = next(mount for mount, name in cluster.volumes.items() if name == claim)
    assert mlflow_keeps == f"--artifacts-destination={mounted}/{path}"


def test_the_runtime_is_what_students_ask_for():
    runtime = NAMED["ServingRuntime", RUNTIME]["spec"]
    (container,) = runtime["containers"]
    assert (container["name"], runtime["supportedModelFormats"][0]["name"]) == (CONTAINER, FORMAT)
    assert container["readinessProbe"]["exec"]["command"][-1] == f"{SCRATCH}/server/{READY}"
    assert {each["mountPath"] for each in container["volumeMounts"]} >= {SCRATCH}
    assert MODELS == "/mnt/models"  # KServe's own


def test_students_answer_the_gateway_and_monitoring_alone():
    policy = NAMED["NetworkPolicy", "cpfd-serving"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [each["ports"] for each in policy["ingress"]] == [[{"port": 8080}], [{"port": 8082}]]
    assert all(each.get("from") for each in policy["ingress"])
    assert NAMED["NetworkPolicy", "desk"]["spec"].get("ingress") is None


def test_alerts_are_expressions_that_prometheus_reads():
    groups = NAMED["PrometheusRule", "cpfd"]["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 4
    for rule in rules:
        promql_parser.parse(rule["expr"])
        assert rule["annotations"]["summary"]
    with pytest.raises(ValueError, match=r"\S"):
        promql_parser.parse("sum by (pod (up)")
