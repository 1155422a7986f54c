"""The repository as Feast has it: views and services of a corpus, by its own command and by ours at once."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from dense_corpora import MOTION, REPORTS, declare, motion_corpus
from feast import FeatureView, Field
from feast.repo_operations import get_repo_files
from feast.types import Array, Float32

import feature_repo
from common.dense_table import DenseTable, Feature
from feature_repo import views as module
from feature_repo.retrieval import open_store, retrieve_features
from feature_repo.services import require_features
from feature_repo.tables import FeatureError
from feature_repo.timing import view_times
from feature_repo.view_status import view_status
from feature_repo.views import feature_views, table_source, video


def test_views_follow_from_what_the_corpus_declares(tmp_path):
    features = {"n": Feature(minimum=-2.5, maximum=10_000_001, description="A count"), "v": Feature(type="vector")}
    seen = DenseTable(description="What was seen", owner="somebody", features=features)
    (view,) = feature_views(declare(tmp_path / "c", {"seen": seen})).values()
    assert (view.name, view.owner, view.description) == ("seen", "somebody", "What was seen")
    assert (view.online, view.ttl, view.tags) == (False, timedelta(0), {"privileged": "true"})
    count, vector = view.features
    assert (count.name, count.dtype, count.description) == ("n", Float32, "A count")
    assert count.tags == {"minimum": "-2.5", "maximum": "10000001"}
    assert (vector.name, vector.dtype, vector.tags) == ("v", Array(Float32), {})
    assert view.batch_source.path == f"{tmp_path / 'c'}/dense/seen/*.parquet"


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ([], "the task mine names no dense tables, so its teacher would see raw input only: list some under 'features' "
             r"in the task file \(the corpus c has motion, reports, other\)"),
        (["motion", "reprots"], "no dense table reprots for the task mine: the corpus c has motion, reports, other; "
                                "name those under 'features' in the task file"),
        (["reports", "motion", "other"], "the dense tables reports and other of the corpus c both have a feature "
                                         "Reports: name one of them under 'features' in the task file of mine"),
    ],
)  # fmt: skip
def test_features_that_no_service_can_have_are_named(tmp_path, features, sentence):
    other = DenseTable(features={"Reports": Feature()})
    corpus = declare(tmp_path / "c", {"motion": MOTION, "reports": REPORTS, "other": other})
    with pytest.raises(FeatureError, match=sentence):
        open_store(corpus, "mine", features, str(tmp_path / "r.db"))
    with pytest.raises(FeatureError, match=sentence):
        require_features(corpus, "mine", features)
    require_features(corpus, "mine", ["motion", "reports"])


def test_a_table_without_files_and_an_unknown_profile_are_named(tmp_path):
    corpus = declare(tmp_path / "c", {"motion": MOTION})
    with pytest.raises(FeatureError, match="the corpus c has no dense table motion: no Parquet file"):
        open_store(corpus, "fight", ["motion"], str(tmp_path / "r.db"))
    with pytest.raises(FeatureError, match="no profile hadoop"):
        open_store(corpus, "fight", ["motion"], str(tmp_path / "r.db"), "hadoop")


LIGHT = """
import sys
from pathlib import Path
from feature_repo.services import require_features
require_features(Path(sys.argv[1]), "mine", ["motion"])
assert "feast" not in sys.modules
"""


def test_asking_before_a_run_does_not_import_feast(tmp_path):
    corpus = declare(tmp_path / "c", {"motion": MOTION})
    subprocess.run([sys.executable, "-c", LIGHT, str(corpus)], check=True)


def short_lived(corpus: Path, profile: str) -> FeatureView | None:
    """A view over the table motion whose values are forgotten after an hour, under a name of its own."""
    if not (corpus / "dense" / "motion").is_dir():
        return None
    schema = [Field(name="flow_mean", dtype=Float32)]
    source = table_source(corpus, "motion", profile)
    return FeatureView(
        name="just_now", entities=[video], schema=schema, source=source, ttl=timedelta(hours=1), online=False
    )


def test_a_view_of_special_kind_is_written_by_hand(tmp_path, monkeypatch):
    moment, hour = pd.Timestamp("2026-06-02", tz="UTC"), pd.Timedelta("1h")
    event = [moment - hour / 2, moment - 2 * hour]
    rows = {"video_id": ["a", "b"], "event_timestamp": event, "created_timestamp": event, "flow_mean": [1.0, 2.0]}
    corpus, registry = motion_corpus(tmp_path / "c", pd.DataFrame(rows)), str(tmp_path / "r.db")
    assert list(feature_views(corpus)) == ["motion"]
    monkeypatch.setattr(module, "HAND_WRITTEN", [short_lived])
    assert list(feature_views(corpus)) == ["motion", "just_now"]
    assert list(feature_views(declare(tmp_path / "other", {"reports": REPORTS}))) == ["reports"]
    require_features(corpus, "mine", ["just_now"])
    catalogue = tmp_path / "catalogue.parquet"
    pd.DataFrame({"video_id": ["a", "b"], "as_of": moment, "label": ["x", "y"]}).to_parquet(catalogue, index=False)
    retrieve_features(corpus, "mine", ["just_now"], catalogue, tmp_path / "out", registry)
    found = pd.read_parquet(tmp_path / "out").set_index("video_id").flow_mean
    assert found["a"] == 1.0
    assert pd.isna(found["b"])
    times = view_times(corpus, ["just_now"], catalogue, moment.to_pydatetime())
    assert times["just_now"]["with_value"] == 2
    assert [(each.name, each.rows) for each in view_status(corpus)] == [("motion", 2), ("just_now", 2)]


APPLY_TWENTY_TIMES = """
import sys
from pathlib import Path
from feature_repo.retrieval import open_store
for _ in range(20):
    open_store(Path(sys.argv[1]), sys.argv[2], ["reports"], sys.argv[3])
"""


def test_two_applies_at_once_keep_both(corpus, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(corpus, other, ignore=shutil.ignore_patterns("media"))
    registry = str(tmp_path / "registry.db")
    processes = [
        subprocess.Popen([sys.executable, "-c", APPLY_TWENTY_TIMES, str(folder), task, registry])
        for folder, task in ((corpus, "low_quality"), (other, "topic"))
    ]
    assert [process.wait() for process in processes] == [0, 0]
    for folder, task in ((corpus, "low_quality"), (other, "topic")):
        store, _ = open_store(folder, task, ["reports"], registry)
        assert task in {service.name for service in store.list_feature_services()}


def feast(repository: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("feast")), "-c", str(repository), *arguments]
    given = {**{name: value for name, value in os.environ.items() if name != "CPFD_CORPUS"}, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=given)


@pytest.fixture
def repository(tmp_path) -> Path:
    """A copy of the repository, beside which there is no corpus yet."""
    copy = tmp_path / "checkout" / "feature_repo"
    shutil.copytree(Path(feature_repo.__file__).parent, copy, ignore=shutil.ignore_patterns("data", "__pycache__"))
    return copy


def test_feasts_command_imports_nothing_of_the_repository_but_its_definitions(repository):
    """By Feast's own reading of .feastignore: what is not ignored there is run, a new folder's files included."""
    assert len(list(repository.rglob("*.py"))) >= 12
    for folder in ("asof/deeper", "another"):
        (repository / folder).mkdir()
        (repository / folder / "new.py").write_text("")
    assert [str(path.relative_to(repository.resolve())) for path in get_repo_files(repository)] == ["definitions.py"]


def test_the_feast_command_applies_and_lists_the_corpus_beside_it_or_another(repository, corpus, tmp_path):
    beside = repository.parent / ".cpfd" / "corpora"
    beside.mkdir(parents=True)
    (beside / "simulated").symlink_to(corpus)
    done = feast(repository, "apply")
    assert done.returncode == 0, done.stderr
    views = feast(repository, "feature-views", "list").stdout
    assert all(name in views for name in ("canary", "engagement", "reports", "upstream_scores"))
    assert "every_view" in feast(repository, "feature-services", "list").stdout
    other = declare(tmp_path / "other", {"motion": MOTION})
    assert feast(repository, "apply", CPFD_CORPUS=str(other)).returncode == 0
    views = feast(repository, "feature-views", "list", CPFD_CORPUS=str(other)).stdout
    assert "motion" in views
    assert "reports" not in views


def test_the_feast_command_without_a_corpus_ends_in_one_sentence(repository):
    done = feast(repository, "apply")
    assert done.returncode == 1
    assert "there is no corpus at" in done.stderr
    assert done.stderr.rstrip().endswith("'cpfd corpus import'; CPFD_CORPUS names another corpus")
    assert "Traceback" not in done.stdout + done.stderr
