"""Object storage and PostgreSQL, as in a cloud: MLflow's container as deploy/ describes it, and media in a bucket.

The bucket is moto's, which is a mock of S3; PostgreSQL is a real one.
"""

import boto3
import pytest
import torch
import yaml
from moto.server import ThreadedMotoServer
from processes import free_port, mlflow_server, new_database
from run_records import TASK, archive, digest_of, record
from s3fs import S3FileSystem
from source_code import ROOT

from models.data.clip_shards import ClipShards, sharded_clips
from models.data.clips import decode_clip, probe
from models.data.loading import Loader
from models.data.run_data import open_run
from models.settings import ClipSettings
from pipelines.cluster.promoted import storage_uri
from pipelines.cluster.settings import Cluster, ServingPods
from promotion.records import record_run
from promotion.registry import archive_location, champions, fetch_archive, keep_archive
from promotion.review import Office, approve, request
from promotion.tracking import connect

BUCKET = "cpfd-mlflow"


@pytest.fixture
def bucket(monkeypatch):
    """The client of an S3 in which the bucket is; the environment leads every library to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anything", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    server.stop()
    S3FileSystem.clear_instance_cache()  # the next server listens elsewhere


@pytest.fixture
def server(bucket, postgres_server, tmp_path):
    """MLflow with the arguments of its container, but for where it listens and what it calls the database."""
    deployment = next(yaml.safe_load_all((ROOT / "deploy" / "base" / "mlflow.yaml").read_text()))
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    port = free_port()
    changed = {
        "--host": "127.0.0.1", "--port": str(port), "--backend-store-uri": new_database(postgres_server),
        "--artifacts-destination": f"s3://{BUCKET}", "--workers": "1", "--allowed-hosts": f"127.0.0.1:{port}",
    }  # fmt: skip
    assert {each.partition("=")[0] for each in args} == set(changed)
    with mlflow_server([f"{name}={value}" for name, value in changed.items()], port, tmp_path) as url:
        yield url


def test_an_archive_is_kept_in_a_bucket_and_rendered_where_kserve_finds_it(server, bucket, tmp_path):
    run_id, version = record_run(server, record(tmp_path / "a", "first"))
    packed, parity = archive(tmp_path / "archive", "bytes")
    keep_archive(server, TASK, run_id, version, packed, parity)
    office = Office(server, f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "ledger.pem")
    request(server, office.ledger_uri, TASK, run_id, version, "")
    approve(office, TASK, version, "Ada", "better")
    champion = champions(server)[TASK]
    path, digest = fetch_archive(server, champion, tmp_path)
    assert (path.read_text(), digest) == ("bytes", digest_of("bytes"))
    cloud = Cluster(serving=ServingPods(artifacts=f"s3://{BUCKET}"))
    place = storage_uri(archive_location(server, connect(server).get_model_version(TASK, version)), cloud)
    name, _, key = place.removeprefix("s3://").partition("/")
    assert bucket.get_object(Bucket=name, Key=f"{key}/{TASK}.mar")["Body"].read() == b"bytes"


def test_clips_in_a_bucket_are_read_by_the_workers_of_a_training(bucket, artifacts, task, tmp_path):
    """Also by workers that a process became which had read from the bucket before."""
    catalogue = artifacts / "catalogue.parquet"
    sharded_clips(catalogue, tmp_path / "clips", task.clips, f"s3://{BUCKET}/clips")
    ours, whole = (
        open_run(catalogue, tmp_path / "clips", task.recipe),
        open_run(catalogue, artifacts / "clips.arrow", task.recipe),
    )
    assert isinstance(ours.videos.clips, ClipShards)
    batches = torch.arange(40).split(8)
    for workers in (0, 2):
        loaders = (Loader(data.videos, batches, workers, torch.device("cpu")) for data in (ours, whole))
        for (_, one), (_, other) in zip(*loaders, strict=True):
            assert torch.equal(one["frames"], other["frames"])


def test_a_video_in_a_bucket_is_the_clip_of_the_file(bucket, catalogue):
    file = catalogue.media_uri.iloc[0]
    bucket.upload_file(file, BUCKET, "media/a.mp4")
    settings = ClipSettings(frames=2, image_size=32)
    probe(f"s3://{BUCKET}/media/a.mp4")
    assert (decode_clip(f"s3://{BUCKET}/media/a.mp4", settings) == decode_clip(file, settings)).all()
