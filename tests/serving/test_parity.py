"""When a served student counts as the evaluated one."""

import math
from contextlib import contextmanager

import pandas as pd
import pytest

from common.digests import file_digest
from serving import parity
from serving.client import Reply
from serving.parity import ParityError, check_parity, require_parity

EVALUATED = {"a": [0.25, 0.75], "b": [0.5, 0.5]}


def test_rounding_is_no_difference():
    assert require_parity("topic", {"a": [0.25001, 0.74999], "b": [0.5, 0.5]}, EVALUATED) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("served", "message"),
    [
        ([0.26, 0.74], "by 0.01 on b"),
        ([math.nan, math.nan], "by nan on b"),
        ([0.5, math.nan], "by nan on b"),
        ([math.inf, 0.0], "by inf on b"),
        ([0.5, 0.25, 0.25], "by inf on b"),
    ],
)
def test_another_answer_is_refused_with_its_video(served, message):
    reference = {"a": [0.25, 0.75], "b": [0.27, 0.73] if served == [0.26, 0.74] else [0.5, 0.5]}
    with pytest.raises(ParityError, match=message):
        require_parity("topic", {"a": [0.25, 0.75], "b": served}, reference)


def test_scores_that_were_never_finite_prove_nothing():
    with pytest.raises(ParityError, match="by nan on a"):
        require_parity("topic", {"a": [0.5, 0.5]}, {"a": [math.nan, math.nan]})


def test_no_video_proves_nothing():
    with pytest.raises(ParityError, match="asked about no video"):
        require_parity("topic", {}, {})


@pytest.mark.parametrize(("answered", "kept"), [(0.25, False), (0.5, True)])
def test_the_servers_folder_is_kept_after_a_failure_alone(tmp_path, monkeypatch, answered, kept):
    @contextmanager
    def running(archives, folder, settings):
        folder.mkdir()
        (folder / "torchserve.log").write_text("log")
        yield None

    scores = {"good": answered, "bad": 1 - answered}
    monkeypatch.setattr(parity, "running", running)
    monkeypatch.setattr(parity, "classify", lambda *_: Reply("topic", "1", "bad", scores))
    (tmp_path / "topic.mar").write_bytes(b"archive")
    (tmp_path / "topic.mar.sha256").write_text(file_digest(tmp_path / "topic.mar"))
    rows = pd.DataFrame({"video_id": ["a"], "title": ["x"], "overlay_text": [""], "media_uri": [None]})
    judged = pd.DataFrame({"video_id": ["a"], "split": ["evaluation"], "student": [EVALUATED["a"]]})
    try:
        assert check_parity(tmp_path, "topic", rows, judged, tmp_path / "server")["videos"] == 1
    except ParityError:
        assert kept
    assert (tmp_path / "server" / "torchserve.log").exists() == kept
