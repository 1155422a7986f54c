"""A workspace that was moved or copied: noticed, and adopted without touching its former place."""

import json
import shutil

import mlflow
import pytest
from mlflow import MlflowClient

from pipelines.local.adoption import WorkspaceMoved, adopt, claim_place, require_own_place
from pipelines.workspace import Workspace
from promotion.tracking import prepare


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    """A workspace with a real MLflow run that has an artifact, and caches that hold absolute paths."""
    made = Workspace.at(tmp_path / "a place")
    claim_place(made.folder)
    prepare(made.tracking_uri, made.tracked_artifacts, "topic")
    mlflow.set_tracking_uri(made.tracking_uri)
    mlflow.set_experiment("topic")
    with mlflow.start_run(run_name="one"):
        mlflow.log_text("evidence", "evidence.txt")
        mlflow.set_tag("said", f"look below {made.folder.as_uri()}/x")
    for derived in ("cache", "feast"):
        (made.folder / derived).mkdir()
    return made


def test_a_workspace_in_its_own_place_is_left_alone(workspace):
    require_own_place(workspace.folder)
    assert adopt(workspace.folder) is None
    assert (workspace.folder / "cache").is_dir()


def test_looking_at_a_folder_makes_no_workspace_of_it(tmp_path):
    require_own_place(tmp_path / "new")
    require_own_place(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_not_written_to_as_if_it_were_new(workspace, tmp_path):
    shutil.copytree(workspace.folder, tmp_path / "copy")
    with pytest.raises(WorkspaceMoved):
        claim_place(tmp_path / "copy")


def test_a_copy_is_noticed_with_both_places_and_the_way_out(workspace, tmp_path):
    shutil.copytree(workspace.folder, tmp_path / "copy")
    with pytest.raises(WorkspaceMoved, match=r"copy was moved or copied from .*a place.*cpfd adopt --workspace .*copy"):
        require_own_place(tmp_path / "copy")


def test_an_adopted_copy_reads_its_own_artifacts_and_the_former_place_keeps_its_own(workspace, tmp_path):
    copy = Workspace.at(tmp_path / "copy")
    shutil.copytree(workspace.folder, copy.folder)
    before = (workspace.folder / "mlflow.db").read_bytes()
    assert adopt(copy.folder) == str(workspace.folder)
    require_own_place(copy.folder)
    assert (workspace.folder / "mlflow.db").read_bytes() == before
    workspace.folder.rename(tmp_path / "gone")
    client = MlflowClient(copy.tracking_uri)
    (run,) = client.search_runs([client.get_experiment_by_name("topic").experiment_id])
    assert run.info.artifact_uri.startswith(copy.folder.as_uri())
    mlflow.set_tracking_uri(copy.tracking_uri)
    found = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="evidence.txt")
    assert "evidence" in open(found).read()  # noqa: PTH123, SIM115
    assert run.data.tags["said"].startswith("look below")  # a text that speaks of the former place stays as it was said
    assert not (copy.folder / "cache").exists()


def test_the_place_is_kept_as_json(workspace):
    assert json.loads((workspace.folder / "workspace.json").read_text()) == {"path": str(workspace.folder)}
