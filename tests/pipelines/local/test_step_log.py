"""What kfp prints, read as steps: which run, which come from the cache, and why one failed."""

import io

import pytest

from pipelines.local.step_log import Progress, StepLog


class Seen(Progress):
    def __init__(self):
        self.events = []

    def started(self, step, number):
        self.events.append(("started", step, number))

    def said(self, step, line):
        self.events.append(("said", step, line))

    def warned(self, sentence):
        self.events.append(("warned", sentence))

    def ended(self, step, number, seconds):
        self.events.append(("ended", step, number, None if seconds is None else "time"))


def log_of(*lines: str) -> tuple[StepLog, Seen]:
    seen = Seen()
    log = StepLog(io.StringIO(), seen)
    for line in lines:
        log.write(line + "\n")
    return log, seen


def test_steps_are_numbered_in_the_order_in_which_they_come_from_wherever():
    log, seen = log_of(
        "Task 'select-window' cache hit; skipping",
        "10:00:00.0 - INFO - Executing task \x1b[96m'decode-clips'\x1b[0m",
        "decoded 12 of 40",
        "10:00:03.0 - INFO - Task \x1b[96m'decode-clips'\x1b[0m finished with status \x1b[92mSUCCESS\x1b[0m",
    )
    assert seen.events == [
        ("ended", "select-window", 1, None),
        ("started", "decode-clips", 2),
        ("said", "decode-clips", "decoded 12 of 40"),
        ("ended", "decode-clips", 2, "time"),
    ]
    assert log.steps["select-window"] is None
    assert log.steps["decode-clips"] >= 0


def test_a_warning_that_a_step_prints_is_passed_on_once_and_kept():
    network = "    Warning: a network of 213 million parameters trains from random weights on a CPU"
    log, seen = log_of(
        "10:00:00.0 - INFO - Executing task 'train-baseline'", network, "    epoch 1/2  loss 0.7", network
    )
    assert log.warnings == ["a network of 213 million parameters trains from random weights on a CPU"]
    assert [event for event in seen.events if event[0] == "warned"] == [("warned", log.warnings[0])]
    assert ("said", "train-baseline", "epoch 1/2  loss 0.7") in seen.events


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("corpus.contract.CorpusError: there is no corpus", ("there is no corpus", True)),
        ("models.training.loop.TrainingError: there are no videos", ("there are no videos", True)),
        ("KeyError: 'frames'", ("KeyError: 'frames'", False)),
        ("duckdb.OutOfMemoryError: no room", ("OutOfMemoryError: no room", False)),
    ],
)
def test_a_mistake_is_its_own_sentence_and_a_fault_of_the_program_keeps_its_class(line, reason):
    log, _ = log_of(
        "Executing task 'train-teacher'",
        "Traceback (most recent call last):",
        line,
        "Task 'train-teacher' finished with status FAILURE",
        "Executing task 'decode-clips'",
        "ValueError: of another step",
    )
    assert log.failed == "train-teacher"
    assert log.reason() == reason
