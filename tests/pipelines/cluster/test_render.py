"""'cpfd render': what was approved, as objects that an API server would take, by each way of splitting requests."""

import json

import pytest
import yaml
from mlflow import MlflowClient
from run_records import TASK, digest_of, nominated
from stand_in.manifests import refused
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.cluster.manifests import Rollout, Version, manifests
from pipelines.cluster.promoted import storage_uri
from pipelines.cluster.settings import Cluster, ClusterError, ServingPods
from pipelines.workspace import Workspace
from promotion.registry import archive_location
from promotion.review import Office, approve
from promotion.tracking import prepare

NEW, OLD = (Version(TASK, number, f"s3://kept/{number}/archive", number * 64) for number in "21")
LISTENS = Version(TASK, "3", "s3://kept/3/archive", "3" * 64)
ROUTINGS = ("gateway", "standard", "knative")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """Version 1 served, version 2 does, version 3 asks to; on a volume that pods mount too."""
    folder = tmp_path_factory.mktemp("on a volume")
    where = Workspace.at(folder)
    prepare(where.tracking_uri, where.tracked_artifacts, TASK)
    office = Office(where.tracking_uri, where.ledger_uri, where.signing_key)
    for seed, (number, content) in enumerate((("1", "first"), ("2", "second"), ("3", "third"))):
        nominated(where.tracking_uri, where.ledger_uri, folder / "made", content, content, seed=seed)
        if number != "3":
            approve(office, TASK, number, "Ada", "it is better")
    (folder / "cluster.yaml").write_text(yaml.safe_dump({"volumes": {str(folder): "team"}, "namespace": "videos"}))
    return where


def render(workspace: Workspace, *options: str, status: int = 0) -> list:
    done = CliRunner().invoke(app, ["render", TASK, "--workspace", str(workspace.folder), *options])
    if status:
        raise done.exception
    assert done.exit_code == 0, done.output
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("rollout", [Rollout(NEW), Rollout(NEW, OLD, 10)], ids=["all", "canary"])
def test_every_way_is_taken(rollout, routing, schemas):
    objects = manifests(rollout, "videos", ServingPods(routing=routing))
    assert [said for each in objects if (said := refused(each, schemas))] == []
    wrong = json.loads(json.dumps(objects[0]).replace("storageUri", "storageUrl"))
    assert "storageUrl" in refused(wrong, schemas)


def test_a_canary_has_its_share_and_the_version_before_the_rest(schemas):
    *services, route = manifests(Rollout(NEW, OLD, 10), "videos", ServingPods())
    assert [each["metadata"]["name"] for each in services] == ["low-quality-v2", "low-quality-v1"]
    (rule,) = route["spec"]["rules"]
    shares = {each["name"]: each["weight"] for each in rule["backendRefs"]}
    assert shares == {"low-quality-v2-predictor": 10, "low-quality-v1-predictor": 90}
    assert rule["matches"] == [{"path": {"type": "Exact", "value": "/predictions/low_quality"}, "method": "POST"}]
    (knative,) = manifests(Rollout(NEW, OLD, 10), "videos", ServingPods(routing="knative"))
    assert knative["spec"]["predictor"]["canaryTrafficPercent"] == 10
    assert knative["spec"]["predictor"]["model"]["storageUri"] == NEW.storage_uri
    (standard,) = manifests(Rollout(NEW, OLD, 10), "videos", ServingPods(routing="standard"))
    (canary,) = standard["spec"]["canary"]
    assert (canary["trafficPercent"], canary["predictor"]["model"]["storageUri"]) == (10, NEW.storage_uri)
    assert standard["spec"]["predictor"]["model"]["storageUri"] == OLD.storage_uri


def test_a_shadow_gets_copies_and_no_share(schemas):
    objects = manifests(Rollout(NEW, shadow=LISTENS, mirrored=5), "videos", ServingPods())
    assert [said for each in objects if (said := refused(each, schemas))] == []
    (rule,) = objects[-1]["spec"]["rules"]
    assert [each["name"] for each in rule["backendRefs"]] == ["low-quality-v2-predictor"]
    mirror = rule["filters"][0]["requestMirror"]
    assert (mirror["backendRef"]["name"], mirror["percent"]) == ("low-quality-v3-predictor", 5)
    with pytest.raises(ClusterError, match="KServe mirrors no requests"):
        manifests(Rollout(NEW, shadow=LISTENS, mirrored=5), "videos", ServingPods(routing="standard"))


def test_the_champion_is_rendered_with_the_digest_it_was_approved_with(workspace, tmp_path, schemas):
    service, route = render(workspace)
    assert [said for each in (service, route) if (said := refused(each, schemas))] == []
    model = service["spec"]["predictor"]["model"]
    assert model["storageUri"].startswith("pvc://team/mlflow-artifacts/low_quality/")
    assert model["storageUri"].endswith("/artifacts/archive")
    assert f"--sha256={digest_of('second')}" in model["args"]
    assert f"--archive=/mnt/models/{TASK}.mar" in model["args"]
    assert service["metadata"]["namespace"] == "videos"
    file = tmp_path / "served.yaml"
    CliRunner().invoke(app, ["render", TASK, "-o", str(file), "--workspace", str(workspace.folder)])
    assert list(yaml.safe_load_all(file.read_text())) == [service, route]


def test_the_version_before_and_the_challenger_take_part_when_asked(workspace):
    names = [each["metadata"]["name"] for each in render(workspace, "--canary", "20", "--shadow", "50")]
    assert names == ["low-quality-v2", "low-quality-v1", "low-quality-v3", "low-quality"]


def test_an_archive_that_was_changed_is_not_rendered(workspace):
    client = MlflowClient(workspace.tracking_uri)
    place = archive_location(workspace.tracking_uri, client.get_model_version(TASK, "2"))
    (archive,) = workspace.folder.glob(f"mlflow-artifacts/**/{place.split('/')[-3]}/**/{TASK}.mar")
    kept = archive.read_bytes()
    try:
        archive.write_bytes(kept + b"x")
        with pytest.raises(Exception, match="is not the archive that was registered"):
            render(workspace, status=1)
    finally:
        archive.write_bytes(kept)


def test_what_no_pod_can_read_is_said():
    cluster = Cluster()
    assert storage_uri("mlflow-artifacts:/1/a/artifacts", cluster) == "pvc://cpfd/mlflow/1/a/artifacts"
    assert storage_uri("mlflow-artifacts://host:5000/1/a", cluster) == "pvc://cpfd/mlflow/1/a"
    assert storage_uri("s3://bucket/1/a", cluster) == "s3://bucket/1/a"
    assert storage_uri("file:///mnt/cpfd/x%20y/a", cluster) == "pvc://cpfd/x y/a"
    with pytest.raises(ClusterError, match=r"which no pod can read.*CPFD_TRACKING_URI"):
        storage_uri("file:///home/me/.cpfd/mlflow-artifacts/1", cluster)


def test_there_must_be_something_to_render(tmp_path):
    with pytest.raises(ClusterError, match="no version of low_quality was approved"):
        render(Workspace.at(tmp_path), status=1)
    with pytest.raises(ClusterError, match="too long a name"):
        _ = Version("a" * 41, "1", "s3://b", "0" * 64).name
