"""Check the retrieved privileged features with Great Expectations."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.base import component


@component()
def validate_features(
    catalogue: Input[Dataset],
    privileged: Input[Dataset],
    previous_privileged: Input[Dataset],
    times: Input[Artifact],
    validation: str,
    data_docs: Output[Artifact],
    data_docs_page: Output[HTML],
    statistics: Output[Artifact],
    features_page: Output[HTML],
    findings: Output[Artifact],
) -> None:
    """Stops the run on a failed critical expectation. Values that are not finite are counted and kept as missing.

    ``statistics`` are the counts that were judged, ``features_page`` shows them with the times of each view.
    """
    import json
    from dataclasses import asdict
    from pathlib import Path

    import pyarrow.parquet as pq

    from corpus.settings import ValidationSettings
    from corpus.validation.expectations import failed, raise_if_critical, validate
    from corpus.validation.features import feature_expectations, feature_facts
    from corpus.validation.statistics import feature_statistics
    from reports.checks import checks_page
    from reports.features import features_page as render_page

    settings = ValidationSettings.model_validate_json(validation)
    lags = json.loads(Path(times.path).read_text())
    previous = Path(previous_privileged.path)
    counted = feature_statistics(Path(privileged.path), Path(catalogue.path), previous)
    facts = feature_facts(counted, lags)
    if facts.drift_index.isna().all():
        print("drift is not judged: the previous window has too few videos to compare with", flush=True)
    expectations = feature_expectations(pq.read_metadata(catalogue.path).num_rows, settings)
    found = validate(facts, "privileged_features", expectations, Path(data_docs.path), key="feature")
    Path(data_docs_page.path).write_text(checks_page("Privileged features", found))
    Path(findings.path).write_text(json.dumps([asdict(each) for each in failed(found)], indent=1))
    Path(statistics.path).write_text(facts.to_json(orient="records", indent=1))
    Path(features_page.path).write_text(render_page(facts, lags, failed(found)))
    raise_if_critical(found, "privileged features")
