"""The registered model answers where this project is not installed, from another folder."""

import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from run_records import TASK, Tracked, record

from models.training.new_networks import new_classifier, save_network
from promotion.records import record_run
from promotion.student_package import requirements, signature
from serving.predictor import Predictor

# -S: site-packages come by path, so that no .pth file and no finder leads to this checkout.
SCRIPT = """
import importlib.util, json, sys
import mlflow, pandas as pd
for room in ("common", "models", "serving", "promotion", "pipelines"):
    assert importlib.util.find_spec(room) is None, room
model = mlflow.pyfunc.load_model(sys.argv[1])
print(json.dumps({
    "columns": model.metadata.get_input_schema().input_names(),
    "answers": model.predict(pd.read_parquet(sys.argv[2])).to_dict("list"),
    "from": sys.modules["serving"].__path__[0],
}))
"""


def in_fresh_environment(source: str, rows: Path, folder: Path) -> dict:
    """Load the model and predict, in a Python that has the packages of the registered model's list but not ours."""
    folder.mkdir()
    paths = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MLFLOW_TRACKING_URI": "sqlite:///nowhere.db"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT, source, str(rows)],
        cwd=folder, env=variables, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def stored(tracking_uri: str) -> str:
    (model,) = Tracked(tracking_uri).models()
    return model.artifact_location


@pytest.mark.parametrize("modalities", [("frames", "title", "overlay_text"), ("title", "overlay_text")])
def test_the_registered_model_answers_as_the_predictor_without_this_project(
    tracking_uri, tmp_path, run_data, recipe, catalogue, modalities
):
    chosen = recipe.model_copy(update={"modalities": modalities})
    student = tmp_path / "trained"
    save_network(new_classifier(run_data, chosen, 0), run_data.tokenizer, [], student)
    settings = {"task": TASK, "modalities": list(modalities)}
    record_run(tracking_uri, record(tmp_path / "files", "run", student=student, settings=settings))
    rows = catalogue.iloc[:2]
    given = pd.DataFrame({"title": rows.title, "overlay_text": rows.overlay_text})
    if "frames" in modalities:
        given.insert(0, "video", [Path(uri).read_bytes() for uri in rows.media_uri])
    given.to_parquet(tmp_path / "rows.parquet", index=False)
    found = in_fresh_environment(stored(tracking_uri), tmp_path / "rows.parquet", tmp_path / "elsewhere")
    assert found["columns"] == list(given.columns)
    assert "elsewhere" not in found["from"]
    predictor = Predictor.load(student, 0.5)
    for index, row in enumerate(given.to_dict("records")):
        expected = predictor.predict(row.get("video"), row["title"], row["overlay_text"])
        assert found["answers"]["label"][index] == expected.label
        assert json.loads(found["answers"]["scores"][index]) == pytest.approx(expected.scores, abs=1e-5)


def test_requirements_are_what_the_code_imports_without_a_build_of_this_machine():
    pins = dict(line.split("==") for line in requirements())
    assert {"av", "fsspec", "numpy", "pandas", "pyarrow", "pydantic", "safetensors", "torch", "transformers"} <= set(
        pins
    )
    assert not {"kfp", "feast", "great-expectations", "cpfd", "sqlalchemy"} & set(pins)
    assert not [pin for pin in pins.values() if "+" in pin]
    assert version("torch").startswith(pins["torch"])


def test_the_registered_model_brings_only_the_code_that_serves(tracking_uri, tmp_path):
    record_run(tracking_uri, record(tmp_path / "files", "run"))
    (code,) = (tmp_path / "artifacts").rglob("code")
    brought = {str(path.relative_to(code)) for path in code.rglob("*.py")}
    assert {"serving/predictor.py", "models/networks/xvlm.py", "common/errors.py"} <= brought
    assert not [path for path in brought if path.startswith(("models/training", "serving/server", "promotion"))]
    pins = (code.parent / "requirements.txt").read_text()
    assert "torch==" in pins
    assert "+" not in pins


def test_the_signature_has_the_columns_that_the_student_reads():
    assert signature(["title", "overlay_text"]).inputs.input_names() == ["title", "overlay_text"]
    assert signature(["frames"]).inputs.input_names() == ["video"]
    assert signature().inputs.input_names() == ["video", "title", "overlay_text"]
