"""Check the retrieved privileged features with Great Expectations."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.base import component


@component()
def validate_features(
    catalogue: Input[Dataset],
    privileged: Input[Dataset],
    validation: str,
    data_docs: Output[Artifact],
    data_docs_page: Output[HTML],
) -> None:
    """Stops the run on a failed critical expectation. Values that are not finite are counted and kept as missing."""
    from pathlib import Path

    import pyarrow.parquet as pq

    from corpus.checks import feature_expectations
    from corpus.expectations import publish_page, raise_if_critical, validate
    from corpus.settings import ValidationSettings

    settings = ValidationSettings.model_validate_json(validation)
    rows = pq.read_metadata(catalogue.path).num_rows
    facts, expectations = feature_expectations(pq.read_table(privileged.path), rows, settings)
    found = validate(facts, "privileged_features", expectations, Path(data_docs.path))
    publish_page(Path(data_docs.path), Path(data_docs_page.path))
    raise_if_critical(found, "privileged features")
