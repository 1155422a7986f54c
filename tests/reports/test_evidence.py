"""The report: its evidence is what the run left, and its page says it for two classes and for more."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from run_records import evaluation

from common.artifacts import ALPHAS_FILE, CONSTANTS_FILE
from models.data.clips import ClipStore
from promotion.gate.checks import CHECKS
from reports.disagreements import disagreements
from reports.evidence import render_report
from reports.thresholds import counts_by_threshold


def test_alphas_are_read_with_the_losses_of_labelled_videos(read, tmp_path):
    found = read("cpfd")
    assert found.alphas.tolist() == [0.8, 0.2]
    assert found.teacher_loss.tolist() == pytest.approx([0.1, 2.0])
    assert pq.read_table(tmp_path / "student" / ALPHAS_FILE)["teacher_loss"].null_count == 1
    assert json.loads((tmp_path / "student" / CONSTANTS_FILE).read_text()) == found.constants
    assert found.set_aside == {"no frames": 3}
    assert len(found.labels) == len(found.probabilities["student"]) == 200


@pytest.mark.parametrize(
    ("task", "method", "thresholds"),
    [
        ("low_quality", "cpfd", "thresholds were chosen on 100 other rows"),
        ("topic", "cpfd", "a factor a class, chosen on 100 other rows"),
        ("topic", "label_smoothing", "a factor a class, chosen on 100 other rows"),
    ],
)
def test_the_page_says_how_models_were_judged(read, judged, task, method, thresholds):
    evidence = read(method, task)
    page = render_report(evidence, judged(evidence), ["titles are <short>"])
    assert f"<h1>{task}</h1>" in page
    assert thresholds in page
    assert "Real &lt;clips&gt;." in page
    assert "titles are &lt;short&gt;" in page
    assert page.count("<svg") == 8
    assert page.count("✓ passed") + page.count("✗ failed") + page.count("? not enough rows") == len(CHECKS)
    assert "There is no champion: it must be better than the baseline" in page


def test_a_student_behind_the_best_simple_peer_is_told_so_in_the_pages_first_line(read, judged):
    evidence = read("cpfd")
    verdict = judged(evidence)
    assert not verdict.passed
    page = render_report(evidence, verdict, [])
    first = page[page.index('<div class="verdict') : page.index("</div>", page.index('<div class="verdict'))]
    assert "Not passed: nothing is promoted" in first
    assert "is below the 1.0000 of the best simple peer (TF-IDF)" in first
    alone = dict.fromkeys([name for name in CHECKS if name != "positives"], "advisory")
    assert judged(evidence, **alone).passed
    table = page[page.index("simple peers on the same rows") :]
    assert table.index("TF-IDF") < table.index("boosting <small>(privileged)</small>")
    assert f"of these rows are labelled <code>{evidence.evaluation.rarer}</code>" in page


def test_texts_of_videos_are_shown_and_run_nothing(read, judged):
    evidence = read("cpfd")
    page = render_report(evidence, judged(evidence), [])
    assert 0 < len(evidence.disagreements) <= 20
    assert "Where the student and the baseline decide otherwise" in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == len(evidence.disagreements)
    assert "<script>alert" not in page


def test_disagreements_are_those_that_differ_most(read):
    evidence = read("cpfd")
    student, baseline = (evidence.probabilities[name] for name in ("student", "baseline"))
    apart = dict(zip((f"v{row}" for row in range(100, 300)), np.abs(student - baseline).sum(1), strict=True))
    found = evidence.disagreements
    assert all(each.said["student"].label != each.said["baseline"].label for each in found)
    assert [apart[each.video_id] for each in found] == sorted((apart[each.video_id] for each in found), reverse=True)
    assert {each.frames for each in found} == {()}


def test_frames_of_a_clip_become_small_pictures(artifacts, catalogue):
    store = ClipStore(artifacts / "clips.arrow")
    video_id = next(each for each in catalogue.video_id if each in store)
    judged_rows = pd.DataFrame(
        {"video_id": [video_id], "label": [0], "student": [[0.9, 0.1]], "baseline": [[0.1, 0.9]]}
    )
    (found,) = disagreements(judged_rows, catalogue, evaluation(), "baseline", store)
    assert len(found.frames) == 2  # the small clips have no more
    for each in found.frames:
        picture = Image.open(io.BytesIO(base64.b64decode(each.removeprefix("data:image/jpeg;base64,"))))
        assert picture.size == (32, 32)


def test_the_slider_counts_what_each_threshold_decides():
    scores, positive = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True])
    none, half, all_rows = counts_by_threshold(scores, positive, np.array([0, 0.5, 1]))
    assert none == [2, 2, 0, 0]
    assert half == [2, 1, 0, 1]  # at the threshold itself a row is decided on
    assert all_rows == [0, 0, 2, 2]
