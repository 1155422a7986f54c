"""Trials of settings: which are tried next, which are cut short, and what is kept of them in a database (Optuna)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from common.errors import UserError
from models.studies.search_space import Kinds, Searched, Tuned
from models.training.loop import TrainingError

Judge = Callable[[dict[str, Any]], Iterable[float]]
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
OWN, FAILED = "own settings", "could not train"  # what is noted of a trial
# Whole trials before any is cut short: the median of fewer is mostly their order. It is Optuna's own number.
BEFORE_PRUNING = 5


class TuningError(UserError):
    """A tuning that cannot start or go on; the message names the way out."""


def open_storage(url: str) -> RDBStorage:
    """The database of trials. Raises TuningError if there is none to be had at ``url``."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return RDBStorage(url)
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TuningError(
            f"the database of trials cannot be opened ({reason}): give a URL such as sqlite:////a/file.db, whose "
            "folder is there, or postgresql://host/name with its driver installed"
        ) from error


def run_trials(
    judge: Judge,
    space: Sequence[Searched],
    *,
    storage: RDBStorage,
    name: str,
    folds: int,
    trials: int,
    seed: int,
    metric: str = "F1",
    report: Callable[[str], None] = print,
) -> tuple[Tuned, pd.DataFrame]:
    """Make what is missing of ``trials`` trials, the task's own settings first.

    A trial is a function of the seed and of the trials before it: a tuning that was stopped goes on as if it had not
    been. One process at a time should work on a study; two would partly try the same.

    Args:
        judge: gives the value of settings (by their path) on each of ``folds`` folds, one by one, the next only when
            it is asked for.
        metric: what the values are, as people read it.
        report: is given a line a trial.

    Returns:
        what came of it (the best is better than the task's own settings on every fold, or is those), and a row a
        trial: trial (from 1), state, value, and what was drawn by its path.

    Raises:
        TrainingError: the task's own settings cannot be trained. Others that cannot are a trial without a value.
    """
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=BEFORE_PRUNING),
    )  # fmt: skip
    known = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.WAITING))
    if not any(OWN in each.user_attrs for each in known):
        study.enqueue_trial({each.path: each.own for each in space}, user_attrs={OWN: True})
    while (done := len(_counted(study))) < trials:
        # Anew for each trial: one sampler would begin its draws again in a tuning that goes on, and repeat trials.
        # Trials that a killed process left open are not counted, so they must not weigh (constant_liar) either.
        own_seed = int(np.random.SeedSequence([seed, done]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(seed=own_seed, constant_liar=False)
        study.optimize(lambda trial: _tried(trial, judge, space, folds), n_trials=1)
        report(_line(_counted(study), trials, folds, space, metric))
    return _tuned(study, space, folds, metric), _table(study, space)


def _tried(trial: optuna.Trial, judge: Judge, space: Sequence[Searched], folds: int) -> float:
    """The mean over folds; after each one the trial may be cut short. The task's own settings are always judged."""
    chosen = {each.path: each.written(_drawn(trial, each)) for each in space}
    own = OWN in trial.user_attrs
    values: list[float] = []
    try:
        for value in judge(chosen):
            values.append(value)
            trial.report(float(np.mean(values)), len(values))
            if len(values) < folds and not own and trial.should_prune():
                raise optuna.TrialPruned
    except TrainingError as error:
        if own:
            raise
        trial.set_user_attr(FAILED, str(error))
        raise optuna.TrialPruned from error
    return float(np.mean(values))


def _drawn(trial: optuna.Trial, setting: Searched) -> Any:
    among = setting.among
    if isinstance(among, Kinds):
        return trial.suggest_categorical(setting.path, list(among.values))
    if among.whole:
        return trial.suggest_int(setting.path, int(among.low), int(among.high))
    return trial.suggest_float(setting.path, among.low, among.high, log=among.logarithmic)


def _counted(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that ended, in the order in which they began."""
    return study.get_trials(deepcopy=False, states=COUNTED)


def _best(counted: Sequence[FrozenTrial]) -> int:
    """The position of the best of the trials that are better than the task's own on every fold; its own if none is.

    The best mean of many trials is partly luck, and luck on some folds is seldom luck on all.
    """
    own = _own(counted)
    ours = _values(counted[own])
    whole = [number for number, each in enumerate(counted) if each.state == TrialState.COMPLETE]
    better = [number for number in whole if (_values(counted[number]) > ours).all()]
    return max(better, key=lambda number: _values(counted[number]).mean(), default=own)


def _own(counted: Sequence[FrozenTrial]) -> int:
    """The position of the task's own settings."""
    return next(n for n, each in enumerate(counted) if OWN in each.user_attrs and each.state == TrialState.COMPLETE)


def _values(trial: FrozenTrial) -> np.ndarray:
    """The value on each fold, out of the means so far that a trial reports."""
    means = np.array([value for _, value in sorted(trial.intermediate_values.items())])
    return np.diff(means * np.arange(1, len(means) + 1), prepend=0.0)


def _line(counted: Sequence[FrozenTrial], trials: int, folds: int, space: Sequence[Searched], title: str) -> str:
    """The newest trial in words: its number, value, the best so far, and what was tried."""
    trial, best = counted[-1], _best(counted)
    if FAILED in trial.user_attrs:
        came = f"{FAILED}: {trial.user_attrs[FAILED]}"
    elif trial.state == TrialState.PRUNED:
        came = f"{title} {trial.value:.4f}, cut short after {len(trial.intermediate_values)} of {folds} folds"
    else:
        came = f"{title} {trial.value:.4f}"
    tried = ", ".join(
        f"{each.path.rpartition('.')[2]} {value if isinstance(value := _shown(trial, each), str) else f'{value:g}'}"
        for each in space
    )
    of = "; the task's own settings" if OWN in trial.user_attrs else ""
    return f"trial {len(counted)}/{trials}: {came}; best {counted[best].value:.4f} (trial {best + 1}){of}; {tried}"


def _shown(trial: FrozenTrial, setting: Searched) -> Any:
    """What was drawn as people read it: a kind by its name."""
    drawn = trial.params[setting.path]
    return drawn if isinstance(setting.among, Kinds) else setting.written(drawn)


def _tuned(study: optuna.Study, space: Sequence[Searched], folds: int, metric: str) -> Tuned:
    counted = _counted(study)
    best = _best(counted)
    own = counted[_own(counted)]
    own_settings, settings = ({e.path: e.written(each.params[e.path]) for e in space} for each in (own, counted[best]))
    return Tuned(
        study=study.study_name, metric=metric, folds=folds, trials=len(counted),
        pruned=sum(each.state == TrialState.PRUNED for each in counted),
        own=own_settings, own_value=own.value, best=settings, best_value=counted[best].value, best_trial=best + 1,
    )  # fmt: skip


def _table(study: optuna.Study, space: Sequence[Searched]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "trial": number,
                "state": each.state.name.lower(),
                "value": each.value,
                **{setting.path: _shown(each, setting) for setting in space},
            }
            for number, each in enumerate(_counted(study), start=1)
        ]
    )
