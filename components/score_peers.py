"""What peers say of the judging rows: simple models that anyone would try first."""

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def score_peers(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    recipe: str,
    seed: int,
    peer_scores: Output[Dataset],
) -> None:
    """``peer_scores`` holds each peer's class probabilities of every judging row, and no dense column.

    Peers of privileged features say what a teacher should reach; nothing is distilled from them or served.
    """
    from pathlib import Path

    import pyarrow.parquet as pq

    from models.data.run_data import open_run
    from models.evaluation.peers import peer_scores as scores_of
    from models.training.settings import Recipe

    settings = Recipe.model_validate_json(recipe)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    scores = scores_of(data, Path(privileged.path), settings, seed)
    pq.write_table(scores, peer_scores.path)
    print(f"{scores.num_columns - 1} peers", flush=True)
