"""The simulated corpus holds the contract, is a function of its seed, and contains its planted faults."""

import hashlib

import pyarrow.parquet as pq
import pytest
from corpora import canary_kinds

from corpus.contract import LABELS, VIDEOS, read_manifest, read_table
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.dense import canary_table
from corpus.simulation.simulate import simulate


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "corpus.json"
    }


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twice")
    settings = SimulationSettings(videos=60, days=10, seed=5)
    simulate(folder / "one", settings)
    simulate(folder / "two", settings)
    simulate(folder / "other", settings.model_copy(update={"seed": 6}))
    return folder


def test_the_same_seed_gives_the_same_bytes(twice):
    assert digests(twice / "one") == digests(twice / "two")
    assert digests(twice / "one") != digests(twice / "other")


def test_the_canary_changes_no_other_file(twice, monkeypatch):
    def thirstier(latents, labels, random):
        random.random(1_000)
        return canary_table(latents, labels, random)

    monkeypatch.setattr("corpus.simulation.simulate.canary_table", thirstier)
    simulate(twice / "thirstier", SimulationSettings(videos=60, days=10, seed=5))
    before, after = digests(twice / "one"), digests(twice / "thirstier")
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed
    assert all(name.startswith("dense/canary/") for name in changed)


def test_the_canary_knows_the_label_only_by_what_was_written_after_it(corpus):
    kinds = canary_kinds(corpus)
    assert kinds["honest"].value_counts().sum() == 240
    assert 0.35 < kinds["honest"].mean() < 0.65
    for kind in ("back-dated", "after"):
        assert len(kinds[kind]) > 50
        assert kinds[kind].nunique() == 2


def test_it_says_that_it_is_simulated_and_how_it_was_made(corpus):
    manifest = read_manifest(corpus)
    assert manifest.simulated
    assert manifest.made_by == "cpfd corpus simulate --videos 240 --days 30 --seed 3"
    assert manifest.description.startswith("Simulated")


def test_three_tasks_three_views_and_the_canary(corpus):
    labels = read_table(corpus / "labels", LABELS).to_pandas()
    shares = {task: rows.label.value_counts(normalize=True) for task, rows in labels.groupby("task")}
    assert shares["harmful_content"]["harmful"] < 0.2
    assert 0.4 < shares["low_quality"]["low_quality"] < 0.6
    assert len(shares["topic"]) == 5
    views = sorted(path.name for path in (corpus / "dense").iterdir())
    assert views == ["canary", "engagement", "reports", "upstream_scores"]


def test_late_corrections_and_odd_texts_are_there(corpus):
    reports = pq.read_table(corpus / "dense" / "reports").to_pandas()
    late = reports[(reports.created_timestamp - reports.event_timestamp).dt.total_seconds() > 86_400]
    assert len(late) > 20
    videos = read_table(corpus / "videos", VIDEOS).to_pandas()
    assert videos.title.str.len().max() == 100_000
    assert videos.title.str.contains("\x00").any()
    assert videos.video_id.duplicated().any()
