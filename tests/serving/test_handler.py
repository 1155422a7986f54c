"""What the handler accepts, and that one bad request never spoils the others of its batch."""

import base64
import json

import pytest
import torch

from models.data.run_data import RunData
from models.training.new_networks import new_classifier, save_network
from models.training.settings import Recipe
from serving.handler import RequestError, StudentHandler, parse
from serving.predictor import MediaError, Predictor, RawInput

VIDEO = b"\x00\x00 some bytes"


class Context:
    """The part of TorchServe's context that the handler uses."""

    def __init__(self, folder):
        self.system_properties = {"model_dir": str(folder)}
        self.model_yaml_config = {}
        self.statuses = {}

    def set_response_status(self, code, idx):
        self.statuses[idx] = code


def test_three_forms_of_a_request_mean_the_same():
    texts = {"title": "a título", "overlay_text": "日本"}
    as_json = parse({"body": {"video": base64.b64encode(VIDEO).decode(), **texts}})
    as_fields = parse({"video": bytearray(VIDEO), **{key: value.encode() for key, value in texts.items()}})
    assert as_json == as_fields
    assert parse({"body": bytearray(VIDEO)}).video == VIDEO


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"video": VIDEO, "report_count": b"7"}, r"unknown field\(s\) report_count"),
        ({"body": {"video": base64.b64encode(VIDEO).decode(), "safety_score": 0.9}}, "unknown field"),
        ({"body": {"video": "@@@"}}, "not base64"),
        ({"body": {"video": 3}}, "must be a base64 string"),
        ({"body": {}}, "this student reads frames, and no video was sent: send a video"),
        ({"body": None}, "send a video"),
        ({"title": b"a title"}, "this student reads frames, and no video was sent"),
        ({"body": [1, 2]}, "send a video"),
        ({}, "send a video"),
        ({"video": VIDEO, "title": b"x" * 300_000}, "more than 200000"),
        ({"body": {"video": base64.b64encode(VIDEO).decode(), "title": 3}}, "'title' must be text"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(request_, sentence):
    with pytest.raises(RequestError, match=sentence):
        parse(request_)


TEXTS = ("title", "overlay_text")


@pytest.mark.parametrize(
    "request_", [{"title": b"a"}, {"body": {"title": "a", "video": None}}, {"data": {"title": "a"}}]
)
def test_a_student_of_texts_needs_no_video(request_):
    assert parse(request_, TEXTS) == RawInput(None, "a", "")


@pytest.mark.parametrize("request_", [{"video": VIDEO}, {"body": bytearray(VIDEO)}, {"body": {}}, {}, {"body": None}])
def test_a_student_of_texts_is_asked_with_a_text(request_):
    with pytest.raises(RequestError, match="nothing was sent that this student reads: send title or overlay_text"):
        parse(request_, TEXTS)


@pytest.fixture(scope="module")
def student_folder(run_data: RunData, recipe: Recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    save_network(new_classifier(run_data, recipe, 0), run_data.tokenizer, [], folder)
    (folder / "serving.json").write_text(json.dumps({"task": "low_quality", "version": "3", "threshold": 0.4}))
    return folder


def test_a_batch_with_bad_requests_answers_the_good_ones(student_folder, catalogue):
    row = catalogue[catalogue.split == "evaluation"].iloc[0]
    with open(row.media_uri, "rb") as file:  # noqa: PTH123
        video = file.read()
    handler, context = StudentHandler(), Context(student_folder)
    threads = torch.get_num_threads()
    handler.initialize(context)
    torch.set_num_threads(threads)
    good = {"video": video, "title": row.title.encode()}
    replies = handler.handle([{"video": b""}, good, {"video": b"junk"}, {"video": video, "likes": b"1"}, good], context)
    assert context.statuses == {0: 400, 2: 400, 3: 400}
    assert "zero bytes" in replies[0]["error"]
    assert "not a readable video" in replies[2]["error"]
    assert replies[1]["scores"] == pytest.approx(replies[4]["scores"])
    assert replies[1]["task"] == "low_quality"
    assert sum(replies[1]["scores"].values()) == pytest.approx(1)
    assert replies[1]["label"] in replies[1]["scores"]


@pytest.fixture(scope="module")
def text_student(run_data: RunData, recipe: Recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text_student")
    settings = recipe.model_copy(update={"modalities": TEXTS})
    save_network(new_classifier(run_data, settings, 0), run_data.tokenizer, [], folder)
    (folder / "serving.json").write_text(json.dumps({"task": "texts", "version": "1", "threshold": [1.0, 1.0]}))
    return folder


def test_a_student_of_texts_answers_with_and_without_a_video_that_it_never_decodes(text_student):
    handler, context = StudentHandler(), Context(text_student)
    threads = torch.get_num_threads()
    handler.initialize(context)
    torch.set_num_threads(threads)
    texts = {"title": b"a title", "overlay_text": b""}
    batch = [texts, {**texts, "video": b"junk"}, {"video": VIDEO}, {"title": b"a title", "likes": b"1"}]
    replies = handler.handle(batch, context)
    assert context.statuses == {2: 400, 3: 400}
    assert replies[0] == replies[1]
    assert sum(replies[0]["scores"].values()) == pytest.approx(1)
    assert handler.predictor.predict(None, "a title").scores == pytest.approx(replies[0]["scores"])


def test_a_student_of_frames_is_told_of_a_video_that_is_missing(student_folder):
    with pytest.raises(MediaError, match="this student reads frames, and no video was sent"):
        Predictor.load(student_folder, 0.5).predict(None, "a title")


def test_bytes_and_path_give_the_same_answer_and_the_threshold_decides(student_folder, catalogue):
    path = catalogue.media_uri.iloc[0]
    predictor = Predictor.load(student_folder, 0.0)
    with open(path, "rb") as file:  # noqa: PTH123
        assert predictor.predict(file.read(), "t") == predictor.predict(path, "t")
    assert predictor.predict(path).label == "low_quality"
    assert Predictor.load(student_folder, 1.1).predict(path).label == "good_quality"


def test_odd_texts_are_answered(student_folder, catalogue):
    predictor = Predictor.load(student_folder, 0.5)
    for title in ("", "x" * 100_000, "zero\x00byte", "नमस्ते 😀 \u202e"):
        answer = predictor.predict(catalogue.media_uri.iloc[0], title, title)
        assert sum(answer.scores.values()) == pytest.approx(1)
