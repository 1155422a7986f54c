"""The server's configuration, and how it fails."""

import socket
import zipfile
from pathlib import Path

import pytest

from serving.archive import ArchiveError, build_archive, require_digest
from serving.client import RequestRefused, classify, read_video
from serving.configuration import Ports, ServerSettings, ServingError, config_properties
from serving.server import Server, running

PORTS = Ports(1, 2, 3, 4, 5)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "key_file.json").write_text('{"inference": {"key": "x"}}')
    return Server(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", ("topic",))


def properties_of(settings: ServerSettings, store: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in config_properties(settings, PORTS, store, ["topic"]).splitlines())


@pytest.fixture
def student(tmp_path):
    folder = tmp_path / "student"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_everything_is_bound_to_loopback_with_tokens_and_without_model_management(tmp_path):
    properties = properties_of(ServerSettings(), tmp_path)
    addresses = [value for key, value in properties.items() if key.endswith("_address")]
    assert len(addresses) == 5
    assert all(value.removeprefix("http://").startswith("127.0.0.1") for value in addresses)
    assert properties["disable_token_authorization"] == "false"
    assert properties["enable_model_api"] == "false"
    assert properties["install_py_dep_per_model"] == "false"
    assert properties["allowed_urls"] == f"file://{tmp_path}/.*"


def test_a_pod_opens_what_answers_and_what_is_scraped_and_nothing_that_manages(tmp_path):
    properties = properties_of(ServerSettings(pod=True), tmp_path)
    addresses = {key: value for key, value in properties.items() if key.endswith("_address")}
    open_to_all = {key for key, value in addresses.items() if "127.0.0.1" not in value}
    assert open_to_all == {"inference_address", "metrics_address"}
    assert properties["enable_model_api"] == "false"


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = ServerSettings(inference_port=port, management_port=0, metrics_port=0)
        with (
            pytest.raises(ServingError, match=f"the inference port {port} is in use"),
            running([], tmp_path / "s", settings),
        ):
            pass
    assert not (tmp_path / "s" / "torchserve.log").exists()


def test_an_archive_holds_weights_and_json_and_a_handler_that_adds_nothing(student, tmp_path):
    archive = build_archive(student, "topic", "7", None, tmp_path / "archive")
    names = set(zipfile.ZipFile(archive).namelist())
    assert names == {
        "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "serving.json",
        "student_handler.py", "model-config.yaml", "MAR-INF/MANIFEST.json",
    }  # fmt: skip
    require_digest(archive, (tmp_path / "archive" / "topic.mar.sha256").read_text().strip())


def test_a_tampered_archive_is_refused(student, tmp_path):
    archive = build_archive(student, "topic", "7", None, tmp_path / "archive")
    expected = (tmp_path / "archive" / "topic.mar.sha256").read_text().strip()
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("evil.py", "print('hello')")
    with pytest.raises(ArchiveError, match="its digest differs"):
        require_digest(archive, expected)


def test_a_student_that_lacks_a_file_cannot_be_packed(student, tmp_path):
    (student / "tokenizer.json").unlink()
    with pytest.raises(ArchiveError, match="cannot be built"):
        build_archive(student, "topic", "7", None, tmp_path / "archive")


def test_the_client_tells_what_is_wrong(server, tmp_path):
    with pytest.raises(ServingError, match="quality is not served here: topic is"):
        classify(server, "quality", b"x", "", "")
    with pytest.raises(ServingError, match="does not answer: start one"):
        classify(server, "topic", b"x", "", "")
    with pytest.raises(ServingError, match="cpfd serve"):
        Server.find(tmp_path / "none.json")
    with pytest.raises(RequestRefused, match="there is no video at"):
        read_video(tmp_path / "none.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(RequestRefused, match="zero bytes"):
        read_video(tmp_path / "empty.mp4")
