"""Where commands look for a task by its name: the folder that was given, then the built-in tasks."""

import subprocess
from pathlib import Path

import pytest
from processes import CPFD

TASK = "task: {name}\ndescription: {description}\nclasses: [good, bad]\n"


def folder_of_tasks(folder: Path, description: str) -> Path:
    """A folder with a task of its own and one that is named as a built-in one."""
    folder.mkdir(parents=True)
    for name in ("mine", "topic"):
        (folder / f"{name}.yaml").write_text(TASK.format(name=name, description=description))
    return folder


@pytest.fixture
def cpfd(tmp_path):
    """The command line in a workspace whose own folder has tasks too."""
    folder_of_tasks(tmp_path / "workspace" / "tasks", "Of the workspace")

    def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CPFD_WORKSPACE": str(tmp_path / "workspace")}
        given |= {"COLUMNS": "300", **environment}
        return subprocess.run([CPFD, *arguments], capture_output=True, text=True, env=given, timeout=120, check=False)

    return command


def listed(text: str) -> dict[str, str]:
    """What each task asks, as 'cpfd tasks' prints it: the last column."""
    return {line.split()[0]: line.rstrip().rpartition("  ")[2] for line in text.splitlines() if line.strip()}


@pytest.mark.parametrize("how", ["option", "variable", "option over variable"])
def test_a_given_folder_goes_before_the_workspaces_and_the_built_in_tasks(cpfd, tmp_path, how):
    given, other = (folder_of_tasks(tmp_path / name, f"Of the folder {name}") for name in ("given", "other"))
    option = ["--tasks", str(given)] if how != "variable" else []
    variable = {"option": {}, "variable": {"CPFD_TASKS": str(given)}}.get(how, {"CPFD_TASKS": str(other)})
    done = cpfd("tasks", *option, **variable)
    assert done.returncode == 0, done.stderr
    asked = listed(done.stdout)
    assert (asked["mine"], asked["topic"]) == ("Of the folder given", "Of the folder given")
    assert {"fight", "harmful_content", "low_quality"} <= set(asked)
    assert "Of the workspace" not in done.stdout


def test_without_one_the_workspaces_own_folder_goes_before_the_built_in_tasks(cpfd):
    asked = listed(cpfd("tasks").stdout)
    assert (asked["mine"], asked["topic"]) == ("Of the workspace", "Of the workspace")


def test_the_task_that_is_found_is_the_one_that_is_compiled(cpfd, tmp_path):
    given = folder_of_tasks(tmp_path / "given", "Of the folder given")
    output = tmp_path / "topic.yaml"
    done = cpfd("compile", "topic", "--output", str(output), CPFD_TASKS=str(given))
    assert done.returncode == 0, done.stderr
    assert "# Description: Of the folder given" in output.read_text()


@pytest.mark.parametrize("command", [["tasks"], ["run", "topic"]])
def test_a_folder_that_is_not_there_is_named(cpfd, tmp_path, command):
    done = cpfd(*command, "--tasks", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert done.stderr == f"Error: there is no folder of task files at {tmp_path / 'nowhere'}\n"
