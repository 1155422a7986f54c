"""Tidying up: old runs go, and what a kept run stands on stays."""

import json
import os

import pytest

from common.errors import BusyError
from models.data.clip_cache import CLIPS
from pipelines.local.cleaning import clean
from pipelines.local.run_state import MAIN, STUDY, RunState, run_states
from pipelines.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.at(tmp_path)


def a_run(
    workspace: Workspace,
    name: str,
    started: float,
    steps: list[str],
    status: str = "finished",
    made_by: tuple = (),
    kind: str = MAIN,
) -> None:
    pipeline = workspace.runs / name / f"cpfd-topic-2026-11-24-13-44-2{int(started) % 10}-974703"
    for step in steps:
        (pipeline / step).mkdir(parents=True)
        (pipeline / step / "output").write_bytes(b"x" * 1_000)
    (workspace.runs / name).mkdir(parents=True, exist_ok=True)
    RunState(workspace.runs / name, "topic", started, kind).note(status, "", made_by=list(made_by))


def test_the_newest_runs_stay_and_those_whose_steps_they_took_from_the_cache(workspace):
    a_run(workspace, "oldest", 1, ["train", "gate"])
    a_run(workspace, "trained", 2, ["train", "gate"])
    a_run(workspace, "between", 3, ["gate"])
    a_run(workspace, "newest", 4, ["gate", "register"], made_by=("trained",))
    removed, freed = clean(workspace, keep=1)
    assert sorted(removed) == ["between", "oldest"]
    assert {state["run"] for state in run_states(workspace.runs)} == {"trained", "newest"}
    assert freed >= 3_000


def test_nothing_is_removed_under_a_run_that_goes_on(workspace):
    a_run(workspace, "done", 2, ["train"])
    with workspace.running_lock("topic"), pytest.raises(BusyError, match="a run goes on in .*: clean when it has"):
        clean(workspace, keep=0)
    assert (workspace.runs / "done").is_dir()


def test_a_task_is_run_once_at_a_time_and_not_while_runs_are_removed(workspace):
    busy = pytest.raises(BusyError, match="topic is being run in this workspace already")
    with workspace.running_lock("topic"), workspace.running_lock("low_quality"), busy:
        workspace.running_lock("topic").__enter__()
    with workspace.cleaning_lock(), pytest.raises(BusyError, match="are being removed"):
        workspace.running_lock("topic").__enter__()


def test_failed_runs_and_studies_push_out_no_run_that_finished(workspace):
    a_run(workspace, "good", 1, ["train"])
    a_run(workspace, "studied", 2, ["train"], kind=STUDY)
    for number, name in enumerate(("failed before", "failed"), start=3):
        a_run(workspace, name, number, ["train"], "failed")
    assert clean(workspace, keep=1)[0] == ["failed before"]
    assert {state["run"] for state in run_states(workspace.runs)} == {"good", "studied", "failed"}


def test_a_folder_that_is_not_there_is_clean(tmp_path):
    assert clean(Workspace.at(tmp_path / "nothing"), keep=0) == ([], 0)
    assert not (tmp_path / "nothing").exists()


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
