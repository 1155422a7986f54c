"""The images: their Dockerfile as a linter reads it, what they hold, and the workflow that builds them."""

import re
import subprocess
import sys
from pathlib import Path

import yaml
from source_code import ROOT

from common.source import imported_files
from promotion.student_package import READ_WITH, imported_packages

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
TARGETS = {"steps", "training", "serving"}
BIN = Path(sys.executable).parent


def lint(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "hadolint", "-"], input=text, capture_output=True, text=True, check=False)


def test_the_dockerfile_is_as_a_linter_wants_it():
    assert lint(DOCKERFILE.read_text()).returncode == 0
    assert lint("FROM python\nRUN pip install torch").returncode != 0


def test_there_is_a_target_for_each_image_and_none_runs_as_root():
    text = DOCKERFILE.read_text()
    stages = dict(re.findall(r"^FROM (\S+) AS (\S+)$", text, re.M)[i][::-1] for i in range(text.count("\nFROM ")))
    assert stages.keys() >= TARGETS
    assert {stages[target] for target in TARGETS} == {"runtime"}
    runtime = text.partition(" AS runtime\n")[2]
    assert "USER 65532:65532" in runtime
    assert "USER root" not in runtime
    assert "org.opencontainers.image.revision" in runtime


def test_the_serving_image_holds_what_serving_imports_and_nothing_of_training():
    listed = {line for line in (ROOT / "deploy" / "serving.txt").read_text().splitlines() if not line.startswith("#")}
    imported = imported_packages([*imported_files("serving.pod"), *imported_files("serving.handler")])
    assert {name.lower() for name in imported} | {*READ_WITH, "torchserve"} == listed
    assert listed.isdisjoint({"mlflow", "feast", "kfp", "great-expectations"})
    locked = (ROOT / "requirements.lock").read_text().lower()
    assert [name for name in listed if f"\n{name}==" not in locked] == []


def test_a_release_builds_every_image_and_compiles_against_digests():
    file = ROOT / ".github" / "workflows" / "release.yml"
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = yaml.safe_load(file.read_text())["jobs"]
    assert set(jobs["images"]["strategy"]["matrix"]["target"]) == TARGETS
    compiled = next(step["run"] for step in jobs["release"]["steps"] if "cpfd compile" in step.get("run", ""))
    assert re.search(r"cpfd compile --all .*--image \S+@", compiled)
