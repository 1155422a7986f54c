"""Tidying up: old runs go, and what a kept run stands on stays."""

import json
import os

import pytest

from models.data.clip_cache import CLIPS
from pipelines.local.cleaning import clean
from pipelines.local.run_state import RunState, run_states
from pipelines.local.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.at(tmp_path)


def a_run(
    workspace: Workspace, name: str, started: float, steps: list[str], status: str = "finished", made_by: tuple = ()
) -> None:
    pipeline = workspace.runs / name / f"cpfd-topic-2026-11-24-13-44-2{int(started) % 10}-974703"
    for step in steps:
        (pipeline / step).mkdir(parents=True)
        (pipeline / step / "output").write_bytes(b"x" * 1_000)
    (workspace.runs / name).mkdir(parents=True, exist_ok=True)
    RunState(workspace.runs / name, "topic", started).note(status, "", made_by=list(made_by))


def test_the_newest_runs_stay_and_those_whose_steps_they_took_from_the_cache(workspace):
    a_run(workspace, "oldest", 1, ["train", "gate"])
    a_run(workspace, "trained", 2, ["train", "gate"])
    a_run(workspace, "between", 3, ["gate"])
    a_run(workspace, "newest", 4, ["gate", "register"], made_by=("trained",))
    removed, freed = clean(workspace, keep=1)
    assert sorted(removed) == ["between", "oldest"]
    assert {state["run"] for state in run_states(workspace.runs)} == {"trained", "newest"}
    assert freed >= 3_000


def test_a_run_that_goes_on_is_kept_whatever_is_asked(workspace):
    a_run(workspace, "going on", 1, ["train"], "running")
    a_run(workspace, "done", 2, ["train"])
    removed, _ = clean(workspace, keep=0)
    assert removed == ["done"]


def test_nothing_is_kept_if_nothing_is_to_be(workspace):
    a_run(workspace, "one", 1, ["train"])
    assert clean(workspace, keep=0)[0] == ["one"]
    assert not (workspace.runs / "one").exists()


def test_clips_and_cache_entries_of_removed_runs_go_and_others_stay(workspace):
    for name in ("linked", "left"):
        (workspace.clips / name).mkdir(parents=True)
        (workspace.clips / name / CLIPS).write_bytes(b"clips")
    a_run(workspace, "old", 1, ["train"])
    a_run(workspace, "new", 2, ["train"])
    os.link(workspace.clips / "left" / CLIPS, workspace.runs / "old" / "clips")
    os.link(workspace.clips / "linked" / CLIPS, workspace.runs / "new" / "clips")
    workspace.cache.mkdir()
    for name in ("old", "new"):
        uri = str(next((workspace.runs / name).glob("*/train")) / "output")
        (workspace.cache / f"{name}.json").write_text(json.dumps({"model": {"uri": uri}, "n": 3}))
    clean(workspace, keep=1)
    assert [each.name for each in workspace.clips.glob("*/")] == ["linked"]
    assert [each.name for each in workspace.cache.iterdir()] == ["new.json"]
