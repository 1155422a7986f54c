"""What a corpus holds, in figures, against plain counts; and the command that shows it."""

import json
import resource
import shutil
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from corpus.contract import LABELS, VIDEOS, CorpusError, read_manifest, read_table
from corpus.summary import summarise
from pipelines.cli.main import app


def test_the_figures_are_those_of_the_tables(corpus):
    videos = read_table(corpus / "videos", VIDEOS).to_pandas()
    labels = read_table(corpus / "labels", LABELS).to_pandas()
    found = summarise(corpus)
    assert (found.name, found.simulated) == ("small", True)
    assert found.videos == found.stored == videos.video_id.nunique() == len(videos) - 1  # one stands there twice
    assert found.groups == videos.group_id.nunique()
    assert (found.first, found.last) == (videos.published_at.min(), videos.published_at.max())
    assert [each.name for each in found.labels] == ["harmful_content", "low_quality", "topic"]
    published = labels.video_id.map(videos.drop_duplicates("video_id").set_index("video_id").published_at)
    for each in found.labels:
        own = labels[labels.task == each.name]
        assert (each.labels, each.videos) == (len(own), own.video_id.nunique())
        assert each.classes == own.label.value_counts().to_dict()
        assert (each.first, each.last) == (own.labeled_at.min(), own.labeled_at.max())
        delay = (own.labeled_at - published[own.index]).dt.total_seconds().median() / 3_600
        assert each.median_delay_hours == pytest.approx(delay, rel=1e-6)
    assert {each.name: each.declared for each in found.dense} == read_manifest(corpus).dense
    for each in found.dense:
        assert each.rows == len(pd.read_parquet(corpus / "dense" / each.name))


def test_a_corpus_without_labels_and_one_with_a_broken_table(corpus, tmp_path):
    copy = tmp_path / "a[1]"  # as a folder may be called
    shutil.copytree(corpus, copy, ignore=shutil.ignore_patterns("media"))
    for file in (copy / "labels").glob("*.parquet"):
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    assert summarise(copy).labels == []
    file.write_text("not Parquet")
    with pytest.raises(CorpusError, match="the tables of .* cannot be read"):
        summarise(copy)
    with pytest.raises(CorpusError, match="there is no corpus at"):
        summarise(tmp_path / "none")


def show(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["corpus", "show", *arguments], env={"COLUMNS": "250"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_the_command_shows_it_to_people_and_programs(corpus, tmp_path):
    (tmp_path / "corpora").mkdir()
    where = ("--workspace", str(tmp_path))
    assert "There is no corpus here yet" in show(*where)
    assert json.loads(show("--json", *where)) == []
    (tmp_path / "corpora" / "mine").symlink_to(corpus)
    shown = show("mine", *where)
    assert shown == show(*where)
    assert "240 videos, published 2026-06-01 to 2026-06-30, 240 of them stored" in shown
    for words in (
        "low_quality",
        "h of publication",
        "trust-and-safety",
        "watched_share",
        "Made by: cpfd corpus simulate",
    ):
        assert words in shown
    (listed,) = json.loads(show("mine", "--json", *where))
    assert listed["videos"] == 240
    assert listed["dense"][0]["declared"]["features"]["views"] == {"type": "number", "minimum": 0, "description": ""}
    assert set(listed["labels"][1]["classes"]) == {"good_quality", "low_quality"}


def test_it_takes_less_than_two_seconds_of_a_processor(corpus):
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([sys.executable, "-m", "pipelines.cli.main", "corpus", "show", str(corpus)], check=True)
    assert spent() - before < 2
