"""Score the champion again, through the archive that serves, on the rows that judge."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.base import component


@component()
def score_champion(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    task: str,
    version: str,
    archive: str,
    recipe: str,
    tracking_uri: str,
    champion: Output[Artifact],
    champion_scores: Output[Dataset],
) -> None:
    """``champion`` says which ``version`` it is, with its settings and threshold, or why it cannot be scored.

    ``champion_scores`` holds video_id and class probabilities, and no row where there is no champion.
    """
    from pathlib import Path

    import pyarrow.parquet as pq

    from models.data.dataset import open_clips
    from models.evaluation.scoring import read_judging_rows
    from models.training.settings import Recipe
    from promotion.champion import score

    settings = Recipe.model_validate_json(recipe)
    rows = read_judging_rows(Path(catalogue.path), open_clips(Path(clips.path), settings))
    found, scores = score(tracking_uri, task, version, archive, rows, settings.classes)
    Path(champion.path).write_text(found.model_dump_json(indent=1))
    pq.write_table(scores, champion_scores.path)
    print(found.sentence, flush=True)
