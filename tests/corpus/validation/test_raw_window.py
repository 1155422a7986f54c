"""Great Expectations over the raw window: what stops a run, what is set aside, what is reported."""

import re
from pathlib import Path

import pandas as pd
import pytest

from corpus.contract import CorpusError
from corpus.settings import ValidationSettings
from corpus.validation.expectations import CRITICAL, DataInvalid, failed, raise_if_critical, validate
from corpus.validation.media import media_facts
from corpus.validation.raw_window import (
    catalogue_expectations,
    read_facts,
    require_few_faults,
    set_aside_reasons,
    write_sound,
)
from corpus.window import write_window
from models.data.clips import probe

START, END = pd.Timestamp("2026-06-01", tz="UTC"), pd.Timestamp("2026-07-01", tz="UTC")
LIMITS = ValidationSettings(faulty_share=0.1)


@pytest.fixture(scope="module")
def catalogue(corpus, task, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("window") / "catalogue.parquet"
    write_window(path, corpus, task.task, task.classes, START, END, task.window, 2, 0)
    return path


@pytest.fixture(scope="module")
def facts(catalogue):
    return media_facts(read_facts(catalogue, with_media=True), probe, lambda _: None)


def aside_of(facts) -> pd.DataFrame:
    reasons = set_aside_reasons(facts)
    return pd.DataFrame({"video_id": facts.video_id, "reason": reasons})[reasons.notna()]


def found(facts, task, tmp_path, limits=LIMITS):
    table, expectations = catalogue_expectations(facts, task.classes, START, END, limits)
    return failed(validate(table, "raw_window", expectations, tmp_path / "docs"))


def site(tmp_path) -> str:
    """Great Expectations' own page of the results."""
    (page,) = (tmp_path / "docs" / "validations").rglob("*.html")
    return page.read_text()


def criticals(findings):
    return [finding.sentence for finding in findings if finding.severity == CRITICAL]


def test_the_simulated_corpus_passes_with_warnings_on_what_is_odd_in_it(facts, task, tmp_path):
    findings = found(facts, task, tmp_path)
    assert criticals(findings) == []
    assert any("titles have at most 4096 characters" in finding.sentence for finding in findings)
    page = site(tmp_path)
    assert "media_error" in page
    assert not re.search(r"<(script|link)[^>]*https?:", page)  # nothing is loaded from elsewhere


def test_what_the_data_holds_does_not_lead_away_from_the_page(facts, task, tmp_path):
    hostile = (
        '<META/http-equiv="refresh" content="0;url=http://there"><form action="http://there"><base href="//there">'
    )
    rows = facts.assign(label=[hostile, *facts.label[1:]])
    assert criticals(found(rows, task, tmp_path))
    page = site(tmp_path)
    assert page.count("&lt;META/http-equiv") > 0
    tags = [tag.lower() for tag in re.findall(r"<(?:meta|form|base|link)[^>]*", page, re.IGNORECASE)]
    assert [tag.split("=")[0] for tag in tags] == ["<meta charset", "<meta http-equiv"]
    assert "form-action 'none'; base-uri 'none'" in tags[1]


@pytest.mark.parametrize("share", [0.15, 0.29, 0.85])
def test_as_many_faults_as_are_allowed_pass(facts, task, tmp_path, share):
    rows = facts.head(100).assign(media_error=None, media_digest=[f"d{n}" for n in range(100)])
    rows = rows.assign(video_id=[f"v{n}" for n in range(100)])
    few, many = (rows.assign(media_error=["broken"] * count + [None] * (100 - count))
                 for count in (round(100 * share), round(100 * share) + 1))  # fmt: skip
    limits = LIMITS.model_copy(update={"faulty_share": share})
    assert not any("are set aside" in each for each in criticals(found(few, task, tmp_path, limits)))
    assert any("are set aside" in each for each in criticals(found(many, task, tmp_path / "many", limits)))
    require_few_faults(aside_of(few), 100, share)
    with pytest.raises(DataInvalid):
        require_few_faults(aside_of(many), 100, share)


def test_the_simulated_faults_are_set_aside_and_counted(catalogue, facts, tmp_path):
    aside = write_sound(catalogue, set_aside_reasons(facts), tmp_path / "sound.parquet")
    reasons = aside.reason.str.split(":").str[0].value_counts()
    assert set(reasons.index) == {"unreadable media", "duplicate media", "duplicate video_id"}
    assert aside.reason.tolist() == aside_of(facts).reason.tolist()
    assert aside.video_id.tolist() == aside_of(facts).video_id.tolist()
    sound, every = pd.read_parquet(tmp_path / "sound.parquet"), pd.read_parquet(catalogue)
    assert len(sound) + len(aside) == len(every)
    assert sound.video_id.is_unique
    pd.testing.assert_frame_equal(sound, every[set_aside_reasons(facts).isna()].reset_index(drop=True))


def test_of_very_many_rows_the_same_is_found_and_ids_are_numbers(catalogue, facts, task, tmp_path, monkeypatch):
    monkeypatch.setattr("corpus.validation.raw_window.MANY", 10)
    many = read_facts(catalogue, with_media=False)
    assert many.video_id.dtype == "int64"
    nameless = pd.read_parquet(catalogue)
    nameless.loc[3, "video_id"] = None
    nameless.to_parquet(tmp_path / "nameless.parquet")
    assert read_facts(tmp_path / "nameless.parquet", with_media=False).video_id.isna().sum() == 1
    few = facts.drop(columns=["media_error", "media_digest"])
    assert (set_aside_reasons(many).isna() == set_aside_reasons(few).isna()).all()
    failures = [
        [each.sentence.partition(", such as")[0] for each in found(rows, task, tmp_path)] for rows in (many, few)
    ]
    assert failures[0] == failures[1] != []


def test_a_task_without_frames_expects_nothing_of_media(facts, task, tmp_path):
    rows = facts.drop(columns=["media_error", "media_digest"]).assign(media_uri=None)
    assert criticals(found(rows, task, tmp_path)) == []
    assert "media_error" not in (tmp_path / "docs" / "result.json").read_text()
    assert set(aside_of(rows).reason) == {"duplicate video_id"}


def test_videos_without_media_are_set_aside_where_frames_are_read(facts, task, tmp_path):
    rows = facts.drop(columns=["media_error", "media_digest"]).head(60)
    few = rows.assign(media_uri=rows.media_uri.where(rows.index > 2))
    looked = media_facts(few, probe, lambda _: None)
    assert (aside_of(looked).reason == "no media").sum() == 3
    (reported,) = [each.sentence for each in found(looked, task, tmp_path) if "media can be opened" in each.sentence]
    assert "no media" in reported
    with pytest.raises(CorpusError, match="none of the window's videos has media .* leave frames out"):
        media_facts(rows.assign(media_uri=None), probe, lambda _: None)


def test_what_holds_is_found_too(facts, task, tmp_path):
    table, expectations = catalogue_expectations(facts, task.classes, START, END, LIMITS)
    every = validate(table, "raw_window", expectations, tmp_path / "docs")
    assert len(every) == len(expectations)
    assert {"every video has an id", "labels are classes of the task"} <= {
        each.sentence for each in every if each.passed
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda f: f.assign(label=f.label.astype(object).where(f.index > 3, "maybe")),
            "labels are classes of the task",
        ),
        (lambda f: f.assign(video_id=f.video_id.where(f.index > 2)), "every video has an id"),
        (lambda f: f.assign(published_at=END), "videos were published inside the window"),
        (lambda f: f.assign(media_error="broken"), "at most 10.0% of the videos are set aside"),
    ],
)
def test_a_failed_critical_expectation_says_which_with_counts_and_examples(facts, task, tmp_path, change, sentence):
    findings = found(change(facts), task, tmp_path)
    with pytest.raises(DataInvalid, match=sentence) as caught:
        raise_if_critical(findings, "raw window")
    assert "rows fail, such as" in str(caught.value)


def test_a_class_that_is_too_rare_stops_the_run(facts, task, tmp_path):
    findings = found(facts, task, tmp_path, ValidationSettings(faulty_share=0.1, least_class_share=0.9))
    assert any("at least 90.0% of the labels are" in sentence for sentence in criticals(findings))


def test_an_expectation_that_cannot_be_computed_counts_as_critical(tmp_path):
    import great_expectations.expectations as gxe

    checks = [gxe.ExpectColumnValuesToNotBeNull(column="nowhere", severity="warning")]
    findings = validate(pd.DataFrame({"video_id": ["a"]}), "t", checks, tmp_path / "docs")
    assert [finding.severity for finding in findings] == [CRITICAL]
    assert "could not be checked" in findings[0].sentence


def test_more_faults_than_the_limit_stop_the_run():
    aside = pd.DataFrame({"video_id": ["a", "b"], "reason": ["truncated", "empty"]})
    require_few_faults(aside, 100, 0.05)
    with pytest.raises(DataInvalid, match="2 of 10 videos do not decode.*a: truncated"):
        require_few_faults(aside, 10, 0.05)
