"""What a run over a window would end with is found before it starts, and without reading more than it needs."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from corpus.contract import CorpusError
from corpus.settings import WindowSettings
from corpus.window import require_window, select_window, window_start

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
QUALITY, LATE = ("good_quality", "low_quality"), datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("labels", "classes", "start", "end", "sentence"),
    [
        ("low_quality", QUALITY, LATE, LATE + timedelta(days=90), "no videos were published in .*reaches from 2026-06"),
        ("quality", QUALITY, START, END, "the corpus small has no labels quality: it has harmful_content, low_quality, "
                                         "topic; name one of them under 'labels' in the task file"),
        ("low_quality", (*QUALITY, "odd"), START, END, r"no video labelled odd by the labels low_quality, but \d+ \w+"),
        ("low_quality", QUALITY, START, START + timedelta(hours=14), "no video of the window has a label of low_qual"),
    ],
)  # fmt: skip
def test_what_would_stop_a_run_is_said_before_it_in_the_same_words(corpus, labels, classes, start, end, sentence):
    with pytest.raises(CorpusError, match=sentence) as before:
        require_window(corpus, labels, classes, start, end)
    with pytest.raises(CorpusError) as in_the_run:
        select_window(corpus, labels, classes, start, end, WindowSettings(), 2, 0)
    assert str(before.value) == str(in_the_run.value)


def test_a_window_that_is_whole_passes_and_none_is_read_where_there_is_no_corpus(corpus, tmp_path):
    require_window(corpus, "low_quality", QUALITY, START, END)
    with pytest.raises(CorpusError, match="there is no corpus at"):
        require_window(tmp_path / "none", "low_quality", QUALITY, START, END)


def test_labels_of_any_name_can_be_selected_by(corpus):
    rows = select_window(corpus, "topic", ("sport", "music"), START, END, WindowSettings(), 2, 0)
    assert rows.label.dropna().isin(["sport", "music", "cooking", "gaming", "nature"]).all()


def test_a_window_may_be_a_hundred_years_long(corpus):
    start = window_start(END, 1_200)
    assert start == datetime(1926, 7, 1, tzinfo=UTC)
    rows = select_window(corpus, "low_quality", QUALITY, start, END, WindowSettings(), 2, 0)
    assert len(rows) == 241


READ_LITTLE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from corpus.window import require_window
require_window(Path(sys.argv[1]), "low_quality", ("good_quality", "low_quality"), datetime(2026, 6, 1, tzinfo=UTC),
               datetime(2026, 7, 1, tzinfo=UTC))
assert "sklearn" not in sys.modules
"""


def test_titles_and_texts_are_not_read_for_it(corpus, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns("media", "dense"))
    for file in (copy / "videos").glob("*.parquet"):
        pq.write_table(pq.read_table(file).select(["video_id", "published_at"]), file)
    subprocess.run([sys.executable, "-c", READ_LITTLE, str(copy)], check=True)
    with pytest.raises(CorpusError, match=re.escape("has no column title: it has video_id, published_at")):
        select_window(copy, "low_quality", QUALITY, START, END, WindowSettings(), 2, 0)
