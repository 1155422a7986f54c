"""Schedules: their slots, what is refused, and which window a run is for."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from corpus.schedule import Schedule, ScheduleError, window_of_run

MONDAYS = Schedule("0 2 * * 1")


def slot(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (slot(23), slot(23)),
        (slot(23) + timedelta(seconds=7, microseconds=5), slot(23)),
        (slot(23) - timedelta(seconds=1), slot(16)),
        (datetime(2026, 11, 23, 3, 0, 7, tzinfo=timezone(timedelta(hours=1))), slot(23)),
    ],
)
def test_a_moment_belongs_to_the_newest_slot_before_it(moment, expected):
    assert MONDAYS.at(moment) == expected


def test_slots_between_two_moments_are_those_of_both_too():
    assert MONDAYS.between(slot(9), slot(23)) == [slot(9), slot(16), slot(23)]
    assert MONDAYS.between(slot(9) + timedelta(seconds=1), slot(23) - timedelta(seconds=1)) == [slot(16)]
    assert MONDAYS.first(slot(9)) == slot(9)
    assert MONDAYS.first(slot(10)) == slot(16)
    assert Schedule("0 0 29 2 *").first(slot(1)) == datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        ("0 0 2 * * 1", "has 6 fields, not five"),
        ("daily", "has 1 fields, not five"),
        ("0 2 * * 7", "what Kubeflow does not know: .* 0 for Sunday"),
        ("0 2 * * 1,7", "what Kubeflow does not know"),
        ("0 2 * * 5-7", "what Kubeflow does not know"),
        ("0 2 L * *", "what Kubeflow does not know"),
        ("0 2 * * 1#2", "what Kubeflow does not know"),
        ("61 * * * *", "cannot be kept: Bad minute"),
        ("0 2 30 2 *", "cannot be kept: Bad day-of-month"),
    ],
)
def test_what_kubeflow_would_read_otherwise_is_refused(cron, sentence):
    with pytest.raises(ScheduleError, match=sentence):
        Schedule(cron)


def test_kubeflow_is_given_seconds_first():
    assert MONDAYS.six_fields == "0 0 2 * * 1"
    assert Schedule("*/17 2 * * mon-fri").six_fields == "0 */17 2 * * mon-fri"


def test_a_run_is_for_the_window_it_is_given_or_for_that_of_its_slot():
    at = (slot(23) + timedelta(hours=30)).isoformat()
    assert window_of_run("2026-06-01T00:00:00+00:00", "", "", at) == (datetime(2026, 6, 1, tzinfo=UTC), [])
    assert window_of_run("", MONDAYS.cron, slot(9).isoformat(), at) == (slot(23), [slot(9), slot(16)])
    with pytest.raises(ScheduleError, match="neither a window_end nor a schedule"):
        window_of_run("", "", "", at)
