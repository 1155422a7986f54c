"""Which tasks 'cpfd run --all' runs, and in which order."""

from pipelines.cli.many import _with_corpus
from pipelines.workspace import Workspace

TASK = """
task: {name}
description: A test's
labels: {labels}
classes: [a, b]
features: [reports]
modalities: [title]
corpus: {corpus}
"""


def test_tasks_with_the_same_labels_stand_apart_and_those_without_a_corpus_are_named(tmp_path, capsys):
    """The second of the same labels then finds in the cache what the first has made."""
    workspace = Workspace.at(tmp_path)
    workspace.corpus("mine").mkdir(parents=True)
    workspace.tasks.mkdir()
    for name, labels, corpus in (
        ("first", "spam", "mine"), ("second", "spam", "mine"), ("third", "spam", "mine"), ("topics", "topic", "mine"),
        ("away", "spam", "gone"),
    ):  # fmt: skip
        (workspace.tasks / f"{name}.yaml").write_text(TASK.format(name=name, labels=labels, corpus=corpus))
    (workspace.tasks / "unread.yaml").write_text("task: unread\nno_such_key: 1\n")
    assert _with_corpus(workspace, workspace.tasks) == ["first", "topics", "unread", "second", "third"]
    assert "away" in capsys.readouterr().err
