"""The documents' statements that a machine can check."""

import re

import pytest
import typer
import yaml
from source_code import ROOT

from common.source import ROOMS
from corpus.settings import ValidationSettings
from models.distillation.mappings import MAPPINGS
from models.distillation.methods import METHODS
from pipelines.cli.main import app
from pipelines.cluster.settings import Cluster, Pods
from pipelines.task import Task

PAGES = {
    path.name: path.read_text() for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"))
}
# Those of studies and of clusters.
OTHER_STEPS = {
    "thin_labels", "train_variants", "measure_cost", "compare_variants", "pretrain", "tune", "decode_part",
    "probe_part",
}  # fmt: skip


def test_the_pages_are_found():
    """So that tests over all pages are over pages."""
    assert len(PAGES) >= 9
    assert {"README.md", "CONTRIBUTING.md", "changing.md", "methods.md", "words.md"} <= set(PAGES)


def commands() -> dict[str, set[str]]:
    """The command line's verbs, and the words that some of them take."""
    group = typer.main.get_command(app)
    return {name: set(getattr(each, "commands", {})) for name, each in group.commands.items()}


def test_every_command_they_show_exists():
    there = commands()
    shown = [found for page in PAGES.values() for found in re.findall(r"\bcpfd ([a-z]+)(?: ([a-z]+))?", page)]
    assert len(shown) >= 30
    for command, argument in shown:
        assert command in there
        assert not argument or not there[command] or argument in there[command]


def test_every_command_is_shown():
    shown = {found for page in PAGES.values() for found in re.findall(r"\bcpfd ([a-z]+)", page)}
    assert set(commands()) <= shown


def test_every_option_they_show_is_one_of_its_command():
    group = typer.main.get_command(app)
    for page in PAGES.values():
        for command, rest in re.findall(r"\bcpfd ([a-z]+)([^\n`#]*)", page):
            verb = group.commands[command]
            words = rest.split()
            if hasattr(verb, "commands") and words and words[0] in verb.commands:
                verb = verb.commands[words[0]]
            known = {option for parameter in verb.params for option in parameter.opts}
            assert {word.split("=")[0] for word in words if re.fullmatch(r"--[a-z-]+", word)} <= known, (command, rest)


def test_every_make_target_they_show_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {name for page in PAGES.values() for name in re.findall(r"\bmake ([a-z-]+)", page)}
    assert len(shown & targets) >= 8
    assert not {name for name in shown if name not in targets} - {"it", "sure"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_a_page_names_exists(page):
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", PAGES[page])) | set(
        re.findall(r"\]\(([\w./-]+)\)", PAGES[page])
    )
    top = {path.name for path in ROOT.iterdir()}
    inside = {name for name in named if name.split("/")[0] in top}
    assert not [name for name in inside if not (ROOT / name).exists()]


def test_the_task_a_page_shows_is_a_task():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGES["tasks.md"], re.DOTALL)
    shown = yaml.safe_load(blocks[0])
    assert Task.model_validate(shown).task == "spam"
    assert len(blocks) == 3
    for block in blocks[1:]:
        Task.model_validate(shown | yaml.safe_load(block))


def test_every_method_and_mapping_is_listed():
    listed = PAGES["tasks.md"]
    assert len(METHODS) == 8
    assert len(MAPPINGS) == 4
    assert not [name for name in [*METHODS, *MAPPINGS] if f"`{name}`" not in listed]


def test_the_limits_a_page_shows_are_the_defaults():
    (text,) = re.findall(r"```yaml\n(validation:.*?)```", PAGES["corpora.md"], re.DOTALL)
    shown = yaml.safe_load(text)["validation"]
    assert ValidationSettings.model_validate(shown) == ValidationSettings()


def test_the_cluster_and_the_pods_a_page_shows_are_what_they_are_called():
    pods, cluster = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGES["cluster.md"], re.DOTALL))
    assert Pods.model_validate(pods["pods"])
    assert cluster == Cluster().model_dump()


def test_the_drawn_graph_has_every_step():
    steps = {path.stem for path in (ROOT / "components").glob("*.py")} - {"__init__", "base"}
    (drawing,) = re.findall(r"## The picture\n\n```\n(.*?)```", PAGES["README.md"], re.DOTALL)
    drawn = set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", drawing))
    assert len(steps - OTHER_STEPS) == 21
    assert steps - OTHER_STEPS <= drawn
    assert not [step for step in OTHER_STEPS if f"`{step}`" not in PAGES["pipelines.md"]]


def rows_of_changes() -> list[tuple[str, list[str], str]]:
    """What is wanted, the files that the page names for it, and the example that is there already."""
    rows = re.findall(r"^\| (an? [^|]+) \| ([^|]+) \| `(\w+)` \|$", PAGES["changing.md"], re.MULTILINE)
    return [(want, re.findall(r"`([^`]+)`", touch), example) for want, touch, example in rows]


@pytest.mark.parametrize(("want", "touch", "example"), rows_of_changes(), ids=lambda value: str(value)[:40])
def test_an_everyday_change_touches_the_files_that_the_page_names(want, touch, example):
    """The example's name stands in these files of the rooms and in no other, so that one like it needs no other."""
    word = re.compile(rf"(?<![\w.]){example}(?!\w)")
    found = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".py", ".yaml", ".html"} and word.search(_code(path.read_text()))
    }
    named = [place for place in touch if place.split("/")[0] in ROOMS]
    elsewhere = {name for name in found if not any(name.startswith(place) for place in named)}
    assert not elsewhere, f"{want}: {example} also stands in {elsewhere}"
    assert found or not named


def test_the_page_of_changes_has_its_rows():
    assert len(rows_of_changes()) >= 10
    assert all(len(touch) <= 2 for _, touch, _ in rows_of_changes())


def _code(text: str) -> str:
    """Without docstrings and comments: they may speak of anything."""
    return re.sub(r'"""(?:.|\n)*?"""|#[^\n]*', "", text)
