"""What the tests share: a small simulated corpus, its window, clips and features, and small networks."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from processes import postgres
from source_code import ROOT
from xdist.scheduler import LoadFileScheduling

from corpus.simulation.causes import SimulationSettings
from corpus.simulation.simulate import simulate
from corpus.validation.media import media_facts
from corpus.validation.raw_window import set_aside_reasons
from corpus.window import select_window
from feature_repo.retrieval import retrieve_features
from models.data.clips import probe, write_clips
from models.data.run_data import RunData, open_run
from models.settings import WideSettings
from models.training.settings import Recipe
from pipelines.task import Task, load_task

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)

SCHEMAS = ROOT.parent / "shared" / "schemas"


# Files whose tests share a run of the main job, which takes minutes.
OF_THE_MAIN_JOB = (
    "tests/e2e/test_main_job.py",
    "tests/e2e/test_pod.py",
    "tests/e2e/test_replay.py",
    "tests/e2e/test_serving.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Tests of one file run in one process, and so share its fixtures; those of the main job's files do too."""

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return OF_THE_MAIN_JOB[0] if file in OF_THE_MAIN_JOB else file

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def schemas() -> Path:
    if not SCHEMAS.is_dir():
        pytest.skip(f"NO SCHEMAS AT {SCHEMAS}: what a cluster would be sent was not held against them")
    return SCHEMAS


@pytest.fixture(autouse=True, scope="session")
def stacks_without_source_lines() -> Iterator[None]:
    """KFP asks for the stack, with source lines it never reads, in every setting of a step.

    Finding them takes half a second where a process has as many modules as these tests: 25 s a graph.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inspect, "stack", partial(inspect.stack, context=0))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """HOST:PORT of a PostgreSQL server, with its user."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def task() -> Task:
    """The demo's task, made small."""
    full = load_task("low_quality")
    training = full.training.model_copy(update={"epochs": 2})
    distillation = full.distillation.model_copy(update={"folds": 2})
    clips = full.clips.model_copy(update={"frames": 2, "image_size": 32})
    network = full.network.model_copy(update={"patch_size": 4, "wide": WideSettings(buckets=4_096)})
    window = full.window.model_copy(update={"evaluation_share": 0.25, "tuning_share": 0.2})
    validation = full.validation.model_copy(update={"faulty_share": 0.1})
    return full.model_copy(
        update={
            "training": training,
            "distillation": distillation,
            "clips": clips,
            "network": network,
            "window": window,
            "validation": validation,
        }
    )


@pytest.fixture(scope="session")
def recipe(task: Task) -> Recipe:
    return task.recipe


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 simulated videos over 30 days."""
    folder = tmp_path_factory.mktemp("corpora") / "small"
    simulate(folder, SimulationSettings(videos=240, days=30, seed=3))
    return folder


@pytest.fixture(scope="session")
def catalogue(corpus: Path, task: Task) -> pd.DataFrame:
    """The sound rows of the corpus's window."""
    rows = select_window(corpus, task.labels, task.classes, START, END, task.window, task.distillation.folds, 0)
    return rows[set_aside_reasons(media_facts(rows, probe, lambda _: None)).isna()].reset_index(drop=True)


@pytest.fixture(scope="session")
def artifacts(catalogue: pd.DataFrame, corpus: Path, task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with catalogue.parquet, clips.arrow and privileged/, as a run makes them."""
    folder = tmp_path_factory.mktemp("artifacts")
    catalogue.to_parquet(folder / "catalogue.parquet", index=False)
    write_clips(zip(catalogue.video_id, catalogue.media_uri, strict=True), folder / "clips.arrow", task.clips)
    registry = str(folder / "feast" / "registry.db")
    retrieve_features(corpus, task.task, task.features, folder / "catalogue.parquet", folder / "privileged", registry)
    return folder


@pytest.fixture(scope="session")
def run_data(artifacts: Path, recipe: Recipe) -> RunData:
    return open_run(artifacts / "catalogue.parquet", artifacts / "clips.arrow", recipe)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
