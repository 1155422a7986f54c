"""Check the raw window with Great Expectations; set single faulty videos aside."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.base import component


@component()
def validate_data(
    catalogue: Input[Dataset],
    labels: str,
    classes: list,
    modalities: list,
    window_start: str,
    window_end: str,
    validation: str,
    clip_store: str,
    parts: list,  # noqa: ARG001 - Kubeflow waits for what is an input
    sound_catalogue: Output[Dataset],
    set_aside: Output[Dataset],
    data_docs: Output[Artifact],
    data_docs_page: Output[HTML],
    findings: Output[Artifact],
) -> None:
    """Stops the run on a failed critical expectation. ``data_docs`` is Great Expectations' own site,
    ``data_docs_page`` says what became of each expectation, ``findings`` holds those that failed.

    Media are opened only if frames are among the ``modalities``, and not by this pod what others opened (``parts``, to
    be waited for) and left below ``clip_store``, if that is a URL.
    """
    import json
    from dataclasses import asdict
    from datetime import datetime
    from pathlib import Path

    from components.shared.progress import counter
    from corpus.settings import ValidationSettings
    from corpus.validation.expectations import failed, raise_if_critical, validate
    from corpus.validation.media import media_facts
    from corpus.validation.raw_window import (
        catalogue_expectations,
        read_facts,
        write_set_aside,
        write_sound,
    )
    from corpus.window import require_every_class
    from models.data.clips import probe
    from reports.checks import checks_page

    settings = ValidationSettings.model_validate_json(validation)
    facts = read_facts(Path(catalogue.path), with_media="frames" in modalities)
    if "frames" in modalities:
        facts = media_facts(facts, probe, counter("probed", len(facts)), clip_store)
    start, end = datetime.fromisoformat(window_start), datetime.fromisoformat(window_end)
    facts, expectations = catalogue_expectations(facts, tuple(classes), start, end, settings)
    found = validate(facts, "raw_window", expectations, Path(data_docs.path))
    Path(data_docs_page.path).write_text(checks_page("The raw window", found))
    Path(findings.path).write_text(json.dumps([asdict(each) for each in failed(found)], indent=1))
    raise_if_critical(found, "raw window")
    require_every_class(facts.loc[facts.set_aside.isna(), ["split", "label"]], labels, tuple(classes))
    aside = write_sound(Path(catalogue.path), facts.set_aside, Path(sound_catalogue.path))
    write_set_aside(aside, Path(set_aside.path), len(facts))
