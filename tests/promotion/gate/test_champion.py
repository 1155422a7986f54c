"""The champion as the gate meets it: scored again, or lost, which is told."""

import pandas as pd
from run_records import TASK, Tracked, nominated

from promotion.champion import Champion, score
from promotion.ledger.entries import champion_of
from promotion.ledger.looks import count_look
from promotion.ledger.projection import verify
from promotion.ledger.store import read_ledger
from promotion.review import approve

ROWS = pd.DataFrame({"video_id": ["a"], "title": ["x"], "overlay_text": [None], "media_uri": [None]})


def scored(office):
    return score(office.tracking_uri, TASK, *champion_of(read_ledger(office.ledger_uri), TASK), ROWS, ("no", "yes"))


def test_without_a_champion_there_is_nothing_to_score(office):
    found, scores = scored(office)
    assert found == Champion()
    assert scores.num_rows == 0
    assert found.sentence == "there is no champion yet"


def test_a_champion_that_cannot_be_loaded_is_lost_and_says_why(office, tmp_path):
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "no archive at all")
    approve(office, TASK, "1", "Ada", "the first")
    found, scores = scored(office)
    assert (found.version, scores.num_rows) == ("1", 0)
    assert "version 1, the champion, cannot be scored: low_quality.mar is no archive of a student" in found.lost


def test_a_champion_whose_archive_is_not_the_approved_one_is_lost(office, tmp_path):
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    approve(office, TASK, "1", "Ada", "the first")
    Tracked(office.tracking_uri).client.set_model_version_tag(TASK, "1", "archive_sha256", "0" * 64)
    found, _ = scored(office)
    assert "its archive is not the one that was approved" in found.lost


def test_looks_at_the_same_rows_are_counted_once_a_candidate_and_change_no_standing(office, tmp_path):
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    looks = [count_look(office.ledger_uri, TASK, "rows", each) for each in ("a", "b", "a", "c")]
    assert looks == [1, 2, 1, 3]
    assert count_look(office.ledger_uri, TASK, "other rows", "a") == 1
    assert count_look(office.ledger_uri, "another_task", "rows", "z") == 1
    approve(office, TASK, "1", "Ada", "the first")
    entries = read_ledger(office.ledger_uri)
    assert [each.action for each in entries] == ["requested", *["judged"] * 5, "approved"]
    assert verify(office.tracking_uri, office.ledger_uri, office.key)[2] == []


def test_a_ledger_that_begins_with_a_look_still_gets_its_key(office, tmp_path):
    count_look(office.ledger_uri, TASK, "rows", "a")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    approve(office, TASK, "1", "Ada", "the first")
    assert office.key.exists()
