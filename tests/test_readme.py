"""The README's statements that a machine can check."""

import re
from pathlib import Path

import yaml

from corpus.settings import ValidationSettings
from pipelines.cli.main import app, corpus_app, features_app
from pipelines.task import TASKS, Task

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_every_command_it_shows_exists():
    groups = {"corpus": corpus_app, "features": features_app}
    commands = {each.name or each.callback.__name__ for each in app.registered_commands} | set(groups)
    inside = {
        name: {each.name or each.callback.__name__ for each in group.registered_commands}
        for name, group in groups.items()
    }
    shown = re.findall(r"cpfd ([a-z]+)(?: ([a-z]+))?", README)
    assert len(shown) >= 10
    for command, argument in shown:
        assert command in commands
        assert not argument or command not in groups or argument in inside[command]


def test_every_make_target_it_shows_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"[`\n]make ([a-z-]+)", README + (ROOT / "feature_repo" / "README.md").read_text()))
    assert {"demo", "test", "test-spark", "lint", "format", "bench", "bench-features", "lock"} <= shown <= targets


def test_every_file_it_names_exists():
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|yaml))`", README))
    assert len(named) >= 8
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_the_task_it_shows_is_a_task():
    (text,) = re.findall(r"```yaml\n(# pipelines/tasks/spam.yaml.*?)```", README, re.DOTALL)
    assert Task.model_validate(yaml.safe_load(text)).task == "spam"
    assert not (TASKS / "spam.yaml").exists()


def test_the_limits_it_shows_are_the_defaults():
    (text,) = re.findall(r"```yaml\n(validation:.*?)```", README, re.DOTALL)
    shown = yaml.safe_load(text)["validation"]
    assert ValidationSettings.model_validate(shown) == ValidationSettings()


def test_the_graph_it_draws_has_every_component():
    steps = {path.stem for path in (ROOT / "components").rglob("*.py")} - {"__init__", "base", "output"}
    assert len(steps) == 21
    (drawing,) = re.findall(r"## The graph\n\n```\n(.*?)```", README, re.DOTALL)
    others = {
        "thin_labels",
        "train_variants",
        "measure_cost",
        "compare_variants",
        "pretrain",
    }  # of studies, pre-training
    drawn = set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", drawing))
    assert len(steps - others) == 16
    assert steps - others <= drawn
    assert not [step for step in others if step not in README]
