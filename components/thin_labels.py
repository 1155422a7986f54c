"""Leave labels on a share of the training rows only: what would be if there were fewer."""

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def thin_labels(catalogue: Input[Dataset], share: float, folds: int, seed: int, thinned: Output[Dataset]) -> None:
    """``thinned`` is the catalogue with the other training rows unlabelled."""
    import pandas as pd

    from models.studies.study import thin_labels

    rows = thin_labels(pd.read_parquet(catalogue.path), share, folds, seed)
    rows.to_parquet(thinned.path, index=False)
    print(f"{int((rows.split == 'train').sum())} labelled training videos", flush=True)
