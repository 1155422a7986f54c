"""'cpfd label': which videos to label, where a gate had not enough rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.errors import UserError
from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import err, out
from pipelines.cli.review.decisions import TaskName

if TYPE_CHECKING:
    import pandas as pd

    from models.evaluation.metrics import Threshold
    from pipelines.workspace import Workspace

COLUMNS = ["video_id", "media_uri", "title", "overlay_text", "stratum", "weight", "label"]


def label(
    task: TaskName,
    output: Annotated[Path, typer.Option("--output", "-o", help="The CSV file to write, whose labels are empty.")],
    rows: Annotated[int, typer.Option(min=1, help="Videos to label.")] = 200,
    run: Annotated[str | None, typer.Option("--run", help="Default: the newest that finished.")] = None,
    among: Annotated[int, typer.Option(min=1, help="Videos to draw from at most: scoring them takes the time.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write videos whose labels would tell a run's student from the champion (or its baseline), with sampling weights.

    Drawn from videos that taught this run's student nothing: those without a label in groups that judge, and the other
    unlabelled ones if it did not learn from them.
    """
    import pandas as pd

    from common.files import whole
    from models.evaluation.metrics import decide
    from pipelines.local.run import BASELINE, STUDENT
    from promotion.gate.sampling import DIFFER, to_label
    from serving.scoring import score_rows

    where = workspace_at(workspace)
    state, settings, thresholds = _finished(where, task, run)
    untouched = _untouched(where.runs, state, settings)
    videos = untouched.sample(min(among, len(untouched)), random_state=seed).reset_index(drop=True)
    classes = tuple(settings["classes"])
    kept = {name: where.runs / path for name, path in state["outputs"].items()}
    with err.status(f"scoring {len(videos)} videos by two models"):
        student = score_rows(kept[STUDENT], thresholds["student"], videos, classes)
        reference, scores, threshold = _served(where, task, videos, classes)
        if reference == "baseline":
            threshold = thresholds["baseline"]
            scores = score_rows(kept[BASELINE], threshold, videos, classes)
    drawn = to_label(decide(student, thresholds["student"]), decide(scores, threshold), rows, seed)
    chosen = videos.iloc[drawn.row].reset_index(drop=True)
    drawn["weight"] *= len(untouched) / len(videos)
    table = pd.concat([chosen, drawn[["stratum", "weight"]]], axis=1).assign(label="")
    with whole(output) as partial:
        table[COLUMNS].to_csv(partial, index=False)
    differ = (table.stratum == DIFFER).sum()
    out.print(
        f"{output}: {len(table)} of {len(untouched)} videos; on {differ} of them the student of {state['run']} and the "
        f"{reference} decide differently"
    )


def _finished(where: "Workspace", task: str, run: str | None) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The state, settings and thresholds of a finished run of the main job. Raises UserError if there is none."""
    import json
    import tempfile

    from models.evaluation.judging import Evaluation
    from pipelines.local.run_state import run_states
    from promotion.records import fetch_evidence, fetch_settings

    found = (state for state in run_states(where.runs) if state["task"] == task and "outputs" in state)
    state = next((each for each in found if run in (None, each["run"])), None)
    if state is None:
        raise UserError(f"{task} has no finished run{f' {run}' if run else ''} here: 'cpfd run {task}' makes one")
    with tempfile.TemporaryDirectory() as scratch:
        recorded, evidence = fetch_evidence(where.tracking_uri, task, state["run"], Path(scratch))
        evaluation = Evaluation.model_validate_json((evidence / "evaluation.json").read_text())
        settings = json.loads(fetch_settings(recorded.info.run_id, Path(scratch)).read_text())
    return state, settings, {name: model.threshold for name, model in evaluation.models.items()}


def _untouched(runs: Path, state: dict[str, Any], settings: dict[str, Any]) -> "pd.DataFrame":
    """Videos without a label that taught the student nothing. Raises UserError if there are none."""
    from common.artifacts import CATALOGUE_COLUMNS, HELD_OUT, UNLABELLED
    from models.data.dataset import open_clips, read_catalogue
    from models.training.settings import Recipe
    from pipelines.local.run import CATALOGUE, CLIPS

    splits = [HELD_OUT] if settings["distillation"]["unlabelled"] else [HELD_OUT, UNLABELLED]
    recipe = Recipe.model_validate({name: settings[name] for name in Recipe.model_fields})
    readable = open_clips(runs / state["outputs"][CLIPS], recipe)  # of the videos that can be decoded
    videos = read_catalogue(runs / state["outputs"][CATALOGUE], readable, CATALOGUE_COLUMNS)
    videos = videos[videos.split.isin(splits)].reset_index(drop=True)
    if videos.empty:
        raise UserError(
            f"run {state['run']} has no unlabelled video that trained nothing: there is nothing to draw from"
        )
    return videos


def _served(
    where: "Workspace", task: str, videos: "pd.DataFrame", classes: tuple[str, ...]
) -> tuple[str, Any, "Threshold"]:
    """The champion's name, scores and threshold; 'baseline' where there is none."""
    import numpy as np

    from models.evaluation.judging import BASELINE, CHAMPION
    from promotion.champion import score
    from promotion.ledger.entries import champion_of
    from promotion.ledger.store import read_ledger

    champion, scores = score(
        where.tracking_uri, task, *champion_of(read_ledger(where.ledger_uri), task), videos, classes
    )
    if champion.lost:
        raise UserError(champion.lost)
    if not champion.version:
        return BASELINE, None, 0.5
    return CHAMPION, np.stack(scores[CHAMPION].to_pylist()), champion.threshold
