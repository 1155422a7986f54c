"""Trials over values that are known: the own settings first, the poor cut short, and a stop that leaves no trace."""

import re
from collections.abc import Iterator

import numpy as np
import optuna
import pytest

from models.studies.search_space import Kinds, Numbers, Searched
from models.studies.trials import TuningError, open_storage, run_trials
from models.training.loop import TrainingError

SPACE = [
    Searched("training.rate", 1.0, Numbers(0.1, 10.0, logarithmic=True)),
    Searched("training.epochs", 4, Numbers(2, 8, whole=True)),
    Searched("method.mapping", "plain", Kinds({"plain": {"name": "plain"}, "steep": {"name": "steep"}})),
]
FOLDS = 3


def worth(chosen: dict) -> float:
    """Best at a rate of 2 with the steep mapping."""
    return 0.9 - 0.2 * abs(np.log(chosen["training.rate"] / 2)) + 0.05 * (chosen["method.mapping"]["name"] == "steep")


class Judge:
    """Values of each fold, and what was asked for."""

    def __init__(self, fails=lambda *_: False) -> None:
        self.chosen, self.judged, self.fails = [], 0, fails

    def __call__(self, chosen: dict) -> Iterator[float]:
        self.chosen.append(chosen)
        for fold in range(FOLDS):
            if self.fails(chosen, len(self.chosen)):
                raise TrainingError("the loss is not finite in epoch 1")
            self.judged += 1
            yield worth(chosen) + 0.01 * fold


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'trials.db'}"


def search(url: str, judge, trials: int, report=lambda _: None, seed: int = 0):
    return run_trials(
        judge, SPACE, storage=open_storage(url), name="mine", folds=FOLDS, trials=trials, seed=seed, report=report
    )


def test_the_tasks_own_settings_come_first_and_the_best_is_found(url):
    judge = Judge()
    found, table = search(url, judge, 12)
    assert judge.chosen[0] == {"training.rate": 1.0, "training.epochs": 4, "method.mapping": {"name": "plain"}}
    assert found.own == judge.chosen[0]
    assert found.own_value == pytest.approx(worth(found.own) + 0.01)
    assert found.best_value == pytest.approx(max(map(worth, judge.chosen)) + 0.01)
    assert found.best == judge.chosen[found.best_trial - 1]
    assert found.best_value > found.own_value
    assert list(table.trial) == list(range(1, 13))
    assert table.value[found.best_trial - 1] == found.best_value
    assert table["method.mapping"][0] == "plain"


def test_settings_that_are_worse_on_a_fold_are_not_taken_over(url):
    """However good their mean is: here a higher rate wins two folds and loses the third."""

    def judge(chosen: dict) -> Iterator[float]:
        gain = float(np.log(chosen["training.rate"]))
        yield from (0.5 + gain, 0.5 + gain, 0.5 - 0.1 * gain)

    found, table = search(url, judge, 12)
    assert table.value.max() > found.own_value
    assert (found.best_trial, found.best, found.best_value) == (1, found.own, found.own_value)


def test_poor_trials_are_cut_short_after_a_fold_and_never_the_own_one(url):
    judge = Judge()
    found, table = search(url, judge, 20)
    assert found.pruned == (table.state == "pruned").sum() > 2
    assert judge.judged < 20 * FOLDS
    assert judge.judged >= 20 * FOLDS - found.pruned * (FOLDS - 1)
    assert table.state[0] == "complete"
    assert (table.state[:5] == "complete").all()
    whole = table[table.state == "complete"].value
    assert table[table.state == "pruned"].value.max() < whole.max()


def test_a_tuning_that_goes_on_makes_what_is_missing_as_if_it_had_never_stopped(url, tmp_path):
    first, second, whole = Judge(), Judge(), Judge()
    search(url, first, 2)
    found, table = search(url, second, 13)
    assert (len(first.chosen), len(second.chosen)) == (2, 11)
    again, _ = search(url, Judge(fails=lambda *_: pytest.fail("a trial was made twice")), 13)
    assert again == found
    _, uninterrupted = search(f"sqlite:///{tmp_path / 'other.db'}", whole, 13)
    assert whole.chosen == first.chosen + second.chosen
    assert uninterrupted.equals(table)
    assert len({each["training.rate"] for each in whole.chosen}) == 13


@pytest.mark.parametrize("at", [1, 4])
def test_a_trial_that_was_killed_is_made_again_to_the_same_end(url, tmp_path, at):
    def killed(_chosen, asked: int) -> bool:
        if asked == at:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        search(url, Judge(fails=killed), 6)
    after = Judge()
    found, table = search(url, after, 6)
    assert len(after.chosen) == 6 - (at - 1)
    expected, whole = search(f"sqlite:///{tmp_path / 'other.db'}", Judge(), 6)
    assert found == expected
    assert table.equals(whole)


def test_settings_that_cannot_be_trained_are_a_trial_and_own_ones_are_a_mistake(url, tmp_path):
    lines: list[str] = []
    found, table = search(url, Judge(fails=lambda _, asked: asked == 2), 4, lines.append)
    assert (found.trials, found.pruned) == (4, 1)
    assert np.isnan(table.value[1])
    assert "trial 2/4: could not train: the loss is not finite in epoch 1; best" in lines[1]
    with pytest.raises(TrainingError, match="not finite"):
        search(f"sqlite:///{tmp_path / 'other.db'}", Judge(fails=lambda *_: True), 4)
    assert search(f"sqlite:///{tmp_path / 'other.db'}", Judge(), 1)[0].own_value > 0


def test_each_trial_is_a_line(url):
    lines: list[str] = []
    search(url, Judge(), 20, lines.append)
    assert len(lines) == 20
    assert lines[0] == (
        "trial 1/20: F1 0.7714; best 0.7714 (trial 1); the task's own settings; rate 1, epochs 4, mapping plain"
    )
    pattern = r"trial \d+/20: F1 0\.\d{4}(, cut short after [12] of 3 folds)?; best 0\.\d{4} \(trial \d+\); rate .*"
    assert all(re.fullmatch(pattern, line) for line in lines[1:])
    assert any("cut short" in line for line in lines)


def test_another_seed_tries_others(url, tmp_path):
    one, two = Judge(), Judge()
    search(url, one, 3)
    search(f"sqlite:///{tmp_path / 'other.db'}", two, 3, seed=1)
    assert one.chosen[0] == two.chosen[0]
    assert one.chosen[1:] != two.chosen[1:]


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/at/all.db", "postgresql+nothing://host/name"])
def test_a_database_that_cannot_be_opened_is_one_sentence(url):
    with pytest.raises(
        TuningError, match=r"^the database of trials cannot be opened \(.*\): give a URL such as "
    ) as told:
        open_storage(url)
    assert "\n" not in str(told.value)
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING
